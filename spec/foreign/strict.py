"""wire.md 1.2: deterministic CBOR of four kinds of item, with python3-cbor2. And the errors of wire.md 8."""
import io

import cbor2

DEEPEST = 6  # arrays within arrays, in a HANDSHAKE payload (wire.md 7)


class Wrong(Exception):
    """What a receiver finds, by its name in wire.md 8."""


def encode(value):
    return cbor2.dumps(value, canonical=True)


def decode(b):
    """Decodes one item and nothing after it; raises ValueError for anything that wire.md 1.2 does not allow."""
    stream = io.BytesIO(b)
    try:
        value = cbor2.CBORDecoder(stream).decode()
    except Exception as e:  # cbor2 5.4 raises several kinds
        raise ValueError(e) from e
    if stream.tell() != len(b):
        raise ValueError("bytes after the item")
    only_plain(value)
    if encode(value) != b:
        raise ValueError("not the canonical encoding")
    return value


def only_plain(value, depth=DEEPEST):
    if isinstance(value, list):
        if depth == 0 or len(value) > 64:
            raise ValueError("too deep, or more than 64 elements")
        for v in value:
            only_plain(v, depth - 1)
    elif isinstance(value, bool) or not isinstance(value, (int, bytes, str)) or isinstance(value, int) and not 0 <= value < 2**64:
        raise ValueError(f"{value!r} is not of the four kinds")


def is_uint(v):
    return isinstance(v, int) and not isinstance(v, bool) and v >= 0


def is_bytes(v, *sizes):
    """sizes: the lengths allowed, or none for any."""
    return isinstance(v, bytes) and (not sizes or len(v) in sizes)
