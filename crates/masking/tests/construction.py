"""The construction that the crate documents, in Python with the package `cryptography`: an implementation of its own.

It prints the answers that known_answers.txt holds, one a line, fields parted by tabs. AES-SIV, HKDF, HMAC and AES come
from the package; FF1 and ipcrypt-deterministic are written out here from NIST SP 800-38G and draft-denis-ipcrypt.
"""

import base64
import hmac
import ipaddress
import struct

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

ROOT, RETIRED, LEDGER = bytes(range(32)), bytes(range(32, 64)), bytes(range(64, 96))
DIGITS, HEX = "0123456789", "0123456789abcdef"


def derive(root, info, length):
    return HKDF(SHA256(), length, None, info).derive(root)


def base64url(wire):
    return base64.urlsafe_b64encode(wire).rstrip(b"=").decode()


def aes(key, block):
    encryptor = Cipher(algorithms.AES(key), modes.ECB()).encryptor()
    return encryptor.update(block) + encryptor.finalize()


def siv(root, domain, plaintext):
    ciphertext = AESSIV(derive(root, b"veilstream/v1/siv/" + domain, 64)).encrypt(plaintext, [b""])
    return "vs1s." + base64url(b"\x01" + derive(root, b"veilstream/v1/kid/siv/" + domain, 4) + ciphertext)


def pad(plaintext):
    return plaintext + b"\x80" + bytes(15 - len(plaintext) % 16)


def hmac_token(root, domain, plaintext):
    tag = hmac.digest(derive(root, b"veilstream/v1/hmac/" + domain, 32), plaintext, "sha256")[:16]
    return "vs1h." + base64url(b"\x01" + derive(root, b"veilstream/v1/kid/hmac/" + domain, 4) + tag)


def ip_token(root, domain, address):
    address = ipaddress.ip_address(address)
    block = address.packed if address.version == 6 else bytes(10) + b"\xff\xff" + address.packed
    token = ipaddress.IPv6Address(aes(derive(root, b"veilstream/v1/ip/" + domain, 16), block))
    return str(token.ipv4_mapped or token)


def ff1(key, radix, numerals):
    """NIST SP 800-38G, algorithm 7 (FF1.Encrypt), with an empty tweak."""
    n = len(numerals)
    u = n // 2
    v = n - u
    a, b = numerals[:u], numerals[u:]
    size = ((radix**v - 1).bit_length() + 7) // 8
    d = 4 * ((size + 3) // 4) + 4
    p = bytes([1, 2, 1]) + radix.to_bytes(3, "big") + bytes([10, u % 256]) + struct.pack(">II", n, 0)

    def number(x):
        value = 0
        for numeral in x:
            value = value * radix + numeral
        return value

    for i in range(10):
        q = bytes((-size - 1) % 16) + bytes([i]) + number(b).to_bytes(size, "big")
        state = bytes(16)
        for start in range(0, len(p + q), 16):
            block = (p + q)[start : start + 16]
            state = aes(key, bytes(x ^ y for x, y in zip(state, block)))
        s, j = state, 1
        while len(s) < d:
            s += aes(key, bytes(x ^ y for x, y in zip(state, j.to_bytes(16, "big"))))
            j += 1
        m = u if i % 2 == 0 else v
        c = (number(a) + int.from_bytes(s[:d], "big")) % radix**m
        numerals = []
        for _ in range(m):
            numerals.append(c % radix)
            c //= radix
        a, b = b, numerals[::-1]
    return a + b


def format_token(root, domain, alphabet, text):
    key = derive(root, b"veilstream/v1/format/" + domain, 32)
    numerals = iter(ff1(key, len(alphabet), [alphabet.index(c) for c in text if c in alphabet]))
    return "".join(alphabet[next(numerals)] if c in alphabet else c for c in text)


def text(b):
    return struct.pack(">I", len(b)) + b


def integer(i):
    return struct.pack(">Q", i)


def keyset_mac(primary, generation, wrapping, keys, domains, ledger=b""):
    message = text(b"veilstream/v1/keyset") + integer(1) + text(bytes(range(8))) + integer(generation) + wrapping
    message += integer(len(keys)) + b"".join(keys) + integer(len(domains)) + b"".join(domains)
    message += ledger
    mac = hmac.digest(derive(primary, b"veilstream/v1/keyset-mac", 32), message, "sha256")
    return base64.b64encode(mac).decode()


def key(id, state, created, root):
    return integer(id) + text(state) + text(created) + text(root)


def domain(name, method, canonical, options=b"", keys=()):
    keys = integer(len(keys)) + b"".join(map(integer, keys))
    return text(name) + text(method) + text(canonical) + integer(1) + options + keys


FIRST = b"2026-01-31T12:00:00Z"
DOMAINS = [
    domain(b"ip", b"siv", b"ip", integer(0)),
    domain(b"device_id", b"siv", b"exact", integer(0)),
    domain(b"email", b"siv", b"email", integer(1)),
    domain(b"login", b"hmac", b"exact", keys=[1]),
    domain(b"peer", b"ip", b"ip", keys=[1]),
    domain(b"ssn", b"format", b"exact", text(b"digits") + integer(6), keys=[1]),
    domain(b"visitor", b"format", b"uuid", text(b"hex") + integer(5), keys=[1]),
]
PLAINTEXT = text(b"plaintext")
KMS = text(b"aws_kms") + text(b"arn:aws:kms:eu-central-1:000000000000:key/1") + text(b"\x01\x02\x03")
ONE_KEY = [key(1, b"primary", FIRST, ROOT)]
TWO_KEYS = [key(1, b"decrypt_only", FIRST, RETIRED), key(2, b"primary", b"2026-02-01T12:00:00.5Z", ROOT)]
THREE_KEYS = [key(1, b"primary", FIRST, ROOT), key(2, b"destroyed", FIRST, b""), key(3, b"pending", FIRST, RETIRED)]


def wrapped(kek, key_id, root):
    components = [b"veilstream/v1/root", bytes(range(8)), struct.pack(">I", key_id)]
    return base64.b64encode(AESSIV(derive(kek, b"veilstream/v1/wrap", 64)).encrypt(root, components)).decode()


def identity(schema, table, fields, parts):
    message = text(b"veilstream/v1/identity/event") + text(schema) + text(table) + integer(len(fields))
    message += b"".join(map(text, fields)) + b"".join(kind + text(value) for kind, value in parts)
    return hmac.digest(derive(LEDGER, b"veilstream/v1/identity", 32), message, "sha256")[:16].hex()


def answers():
    for address in ["199.172.111.135", "2001:db8::1"]:
        yield "token", "ip", address, siv(ROOT, b"ip", ipaddress.ip_address(address).packed)
    for value in ["593-47-5928", "x" * 100, ""]:
        yield "token", "device_id", value, siv(ROOT, b"device_id", value.encode())
    for value in ["a@b.example", "someone.with.a.longer.name@mail.example"]:
        yield "token", "email", value, siv(ROOT, b"email", pad(value.encode()))
    for value in ["", "424cdd21-063a-43a7-b91b-7ca1a833afae"]:
        yield "token", "login", value, hmac_token(ROOT, b"login", value.encode())
    for address in ["199.172.111.135", "10.0.0.1", "2001:db8::1", "::"]:
        yield "token", "peer", address, ip_token(ROOT, b"peer", address)
    for value in ["593-47-5928", "(030) 123456", "0" * 40]:
        yield "token", "ssn", value, format_token(ROOT, b"ssn", DIGITS, value)
    visitor = "424cdd21-063a-43a7-b91b-7ca1a833afae"
    yield "token", "visitor", visitor, format_token(ROOT, b"visitor", HEX, visitor)
    yield "check", "root", derive(ROOT, b"veilstream/v1/check", 16).hex()
    yield "check", "ledger", derive(LEDGER, b"veilstream/v1/check", 16).hex()
    body = '{"event_id": "é"}'.encode()
    yield "identity", "body", identity(b"public", b"user_logins", [], [(b"w", body)])
    parts = [(b"s", "é".encode()), (b"n", b"1.0"), (b"b", b"true")]
    yield "identity", "fields", identity(b"public", b"user_logins", [b"/event_id", b"/a~1b/c", b"/d"], parts)
    components = [b"row-1", b"queue", bytes(range(16))]
    sealed = AESSIV(derive(ROOT, b"veilstream/v1/seal", 64)).encrypt(b'{"foo": "bar"}', components)
    yield "sealed", base64.b64encode(sealed).decode()
    yield "mac", "one_key", keyset_mac(ROOT, 1, PLAINTEXT, ONE_KEY, DOMAINS)
    ledger = text(b"ledger") + text(LEDGER)
    yield "mac", "ledger", keyset_mac(ROOT, 1, PLAINTEXT, ONE_KEY, DOMAINS, ledger)
    pinned = DOMAINS[:2]
    yield "mac", "two_keys", keyset_mac(ROOT, 2, PLAINTEXT, TWO_KEYS, pinned)
    yield "mac", "wrapped", keyset_mac(ROOT, 3, KMS, THREE_KEYS, DOMAINS)
    for id, root in [(0, LEDGER), (1, ROOT), (3, RETIRED)]:
        yield "wrapped", str(id), wrapped(bytes([7] * 32), id, root)


if __name__ == "__main__":
    for answer in answers():
        print(*answer, sep="\t")
