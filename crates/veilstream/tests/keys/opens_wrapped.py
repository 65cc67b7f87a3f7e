"""Opens a key set that is wrapped by a passphrase, and makes sure that no root key is in its file in clear."""

import base64
import json
import struct
import sys

from construction import AESSIV, derive
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

content = open(sys.argv[1]).read()
passphrase = bytes.fromhex(sys.argv[2])
keyset = json.loads(content)
how = keyset["wrapping"]["passphrase"]
assert how["kdf"] == "argon2id" and how["memory_kib"] >= 64 * 1024 and how["passes"] >= 3
kek = Argon2id(salt=base64.b64decode(how["salt"]), length=32, iterations=how["passes"], lanes=how["lanes"],
               memory_cost=how["memory_kib"]).derive(passphrase)
for key in keyset["keys"] + [{"id": 0, "state": "ledger", "root": keyset["ledger_key"]}]:
    if key["state"] == "destroyed":
        assert key["root"] is None
        continue
    place = [b"veilstream/v1/root", bytes.fromhex(keyset["id"]), struct.pack(">I", key["id"])]
    wrapped = base64.b64decode(key["root"])
    root = AESSIV(derive(kek, b"veilstream/v1/wrap", 64)).decrypt(wrapped, place)
    assert len(root) == 32
    for secret in [root, kek, passphrase]:
        assert secret not in wrapped
        for spelling in [base64.b64encode(secret).decode().rstrip("="), secret.hex()]:
            assert spelling not in content
print("opened")
