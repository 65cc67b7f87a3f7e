"""Runs a command on a terminal of its own: waits for words, types what comes after them, and says what was seen.

    terminal.py '[["words", "answer\\n"], …]' PROGRAM ARGUMENT…

The terminal is a dumb one, or what TERMINAL in the environment names. Prints JSON: the exit code,
everything that the terminal showed, and whether it shows what is typed at the end.
"""

import json
import os
import pty
import select
import sys
import termios

steps, command = json.loads(sys.argv[1]), sys.argv[2:]
child, terminal = pty.fork()
if child == 0:
    os.execve(command[0], command, {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "TERM": os.environ.get("TERMINAL", "dumb")})

seen, looked_at = "", 0


def read():
    """Reads what is there; False at the end."""
    global seen
    ready, _, _ = select.select([terminal], [], [], 60)
    assert ready, f"nothing more comes after {seen!r}"
    try:
        data = os.read(terminal, 4096)
    except OSError:  # The other side is gone.
        return False
    seen += data.decode()
    return bool(data)


for words, answer in steps:
    while words not in seen[looked_at:]:
        assert read(), f"no {words!r} in {seen!r}"
    looked_at = len(seen)
    os.write(terminal, answer.encode())
while read():
    pass
_, status = os.waitpid(child, 0)
shows = bool(termios.tcgetattr(terminal)[3] & termios.ECHO)
print(json.dumps({"code": os.waitstatus_to_exitcode(status), "seen": seen, "shows": shows}))
