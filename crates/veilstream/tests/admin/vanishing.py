"""Runs a command on a terminal that goes away, as for `nohup` and a logout.

    vanishing.py PROGRAM ARGUMENT…

Prints the process's id; after a line on standard input closes the terminal and says so; prints the exit code.
"""

import os
import pty
import select
import signal
import sys

child, terminal = pty.fork()
if child == 0:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    os.execve(sys.argv[1], sys.argv[1:], {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "TERM": "xterm",
                                         "VEILSTREAM_ADMIN_LISTEN": "off"})

print(child, flush=True)
while True:
    ready, _, _ = select.select([terminal, sys.stdin], [], [])
    if sys.stdin in ready:
        break
    os.read(terminal, 4096)
os.close(terminal)
print("gone", flush=True)
_, status = os.waitpid(child, 0)
print(os.waitstatus_to_exitcode(status), flush=True)
