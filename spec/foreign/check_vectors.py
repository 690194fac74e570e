#!/usr/bin/python3
"""Every vector through Debian's cbor2: a good one must decode, and its canonical encoding must be the same bytes.

Bad ones are tried too; how many fail already here is told, since no CDDL and no key stands behind this check. usage: check_vectors.py [FOLDER]
"""
import sys

import vectors
from strict import decode


def nested(value):
    """Yields the record-like byte strings inside: what decodes as [bytes, 64 bytes] is walked into as well."""
    if isinstance(value, list):
        for v in value:
            yield from nested(v)
    elif isinstance(value, bytes) and len(value) > 66 and value[:1] == b"\x82":
        yield value


def read(v):
    value = [decode(v.bytes)]
    if "plain" in v.keys and "error" not in v.keys:
        value.append(decode(v.hex("plain")))
    for record in nested(value):
        raw, _ = decode(record)
        decode(raw)


def main():
    good = refused = accepted = 0
    for v in vectors.read(*sys.argv[1:2]):
        try:
            read(v)
        except ValueError as e:
            if "error" not in v.keys:
                raise SystemExit(f"{v.name}: {e}")
            refused += 1
            continue
        if "error" in v.keys:
            accepted += 1
        else:
            good += 1
    print(f"python3-cbor2: {good} good vectors decoded and encoded again; {refused} bad ones refused, {accepted} bad for another reason than their encoding")
    if not good or not refused:
        raise SystemExit("too few vectors")


main()
