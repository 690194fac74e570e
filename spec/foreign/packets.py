"""wire.md 2: the five packets, their shapes, and which are what."""
import hashlib
from collections import namedtuple

from strict import Wrong, decode, encode, is_bytes, is_uint

HELLO, CHALLENGE, HANDSHAKE, ACCEPT, DATA = 17, 18, 19, 20, 21
NAMES = {HELLO: "HELLO", CHALLENGE: "CHALLENGE", HANDSHAKE: "HANDSHAKE", ACCEPT: "ACCEPT", DATA: "DATA"}
LARGEST, THROUGH_RELAY, MAY_BE_CHALLENGED, RESENT = 1200, 1100, 101, 112


# Where a datagram came from is (ip, port), or this: by a relay, from a session (5.12).
Through = namedtuple("Through", "relay session")


def index(v):
    return is_uint(v) and 1 <= v < 2**32


def counter(v):
    return is_uint(v) and v >= 1


def size(*sizes):
    return lambda v: is_bytes(v, *sizes)


def at_least(n):
    return lambda v: is_bytes(v) and len(v) >= n


SHAPES = {
    HELLO: (size(12), lambda v: v == bytes(95)),
    CHALLENGE: (size(12), size(16), size(32), size(32)),
    HANDSHAKE: (index, size(12), size(16), at_least(96)),
    ACCEPT: (index, index, size(16), at_least(16)),
    DATA: (index, counter, at_least(16)),
}


def read(b):
    """The elements of a datagram, of which the first says what it is."""
    if len(b) > LARGEST:
        raise Wrong("shape")
    try:
        packet = decode(b)
    except ValueError:
        raise Wrong("shape")
    if not isinstance(packet, list) or not packet or not is_uint(packet[0]):
        raise Wrong("shape")
    shape = SHAPES.get(packet[0], ())
    if len(packet) != len(shape) + 1 or not all(right(v) for right, v in zip(shape, packet[1:])):
        raise Wrong("shape")
    return packet


def hello(nonce):
    return encode([HELLO, nonce, bytes(95)])


def origin(source):
    """wire.md 3.2: 18 bytes for an IPv4 address, or for a pair of relay and session, which no socket can have as its address."""
    if isinstance(source, Through):
        return bytes.fromhex("2001002d") + hashlib.sha256(source.relay).digest()[:4] + source.session + bytes(2)
    return bytes(10) + b"\xff\xff" + addr(*source)


def addr(ip, port):
    """wire.md 4.5, of an IPv4 address."""
    return bytes(map(int, ip.split("."))) + port.to_bytes(2, "big")


def endpoint(b):
    """The IPv4 address and port in an addr of 6 bytes."""
    return ".".join(map(str, b[:4])), int.from_bytes(b[4:], "big")
