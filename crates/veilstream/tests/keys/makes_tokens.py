"""Makes the tokens of a value under the keys of a key set in clear: today's first, as `veilstream mask` prints them."""

import base64
import ipaddress
import json
import sys

from construction import DIGITS, format_token, hmac_token, ip_token, pad, siv

keyset = json.load(open(sys.argv[1]))
name, value = sys.argv[2:]
(domain,) = [domain for domain in keyset["domains"] if domain["name"] == name]
roots = {key["id"]: base64.b64decode(key["root"]) for key in keyset["keys"]}
(primary,) = [key["id"] for key in keyset["keys"] if key["state"] == "primary"]
used = domain["keys"][::-1] or sorted(roots, key=lambda id: (id != primary, id))
plaintext = ipaddress.ip_address(value).packed if domain["canonical"] == "ip" else value.encode()
for key in used:
    root, info = roots[key], name.encode()
    match domain["method"]:
        case {"siv": {"padded": padded}}:
            print(siv(root, info, pad(plaintext) if padded else plaintext))
        case "hmac":
            print(hmac_token(root, info, plaintext))
        case "ip":
            print(ip_token(root, info, value))
        case {"format": {"alphabet": "digits"}}:
            print(format_token(root, info, DIGITS, value))
