"""Opens tokens with Google's Tink and a key set that veilstream exported; prints the plaintexts in hexadecimal digits."""

import base64
import sys

import tink
from tink import cleartext_keyset_handle, daead

daead.register()
with open(sys.argv[1]) as file:
    handle = cleartext_keyset_handle.read(tink.JsonKeysetReader(file.read()))
primitive = handle.primitive(daead.DeterministicAead)
for place, token in enumerate(sys.argv[2:]):
    wire = token.removeprefix("vs1s.")
    wire = base64.urlsafe_b64decode(wire + "=" * (-len(wire) % 4))
    plaintext = primitive.decrypt_deterministically(wire, b"")
    # The first token is that of the primary key: Tink makes the very same.
    assert (primitive.encrypt_deterministically(plaintext, b"") == wire) == (place == 0)
    print(plaintext.hex())
