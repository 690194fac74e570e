#!/usr/bin/python3
"""Every plaintext of the vectors through messages.py, as the node of this folder reads it: a good one is read, and one that is bad as a
payload is refused. usage: check_messages.py [FOLDER]
"""
import sys

import calls
import messages
import vectors
from strict import Wrong, decode

PAYLOADS = {"handshake-payload": calls.HANDSHAKE_PAYLOAD, "accept-payload": calls.ACCEPT_PAYLOAD}


def read(v):
    if v.keys["rule"] in PAYLOADS:
        return calls.payload(v.bytes, PAYLOADS[v.keys["rule"]])
    try:
        return messages.check(decode(v.bytes))
    except ValueError:
        raise Wrong("payload")


def main():
    good = refused = 0
    for v in vectors.read(*sys.argv[1:2]):
        error = v.keys.get("error")
        if v.keys["layer"] != "plaintext" or error not in (None, "payload"):
            continue
        try:
            read(v)
        except Wrong:
            if not error:
                raise SystemExit(f"{v.name}: refused")
            refused += 1
            continue
        if error:
            raise SystemExit(f"{v.name}: accepted")
        good += 1
    print(f"messages.py: {good} plaintexts read, {refused} refused")
    if not good or not refused:
        raise SystemExit("too few vectors")


main()
