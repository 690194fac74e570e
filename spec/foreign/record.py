"""wire.md 3.8, 4, the ticket of 5.6 and the receipt of 5.14, with python3-cryptography and python3-cbor2."""
import base64
import hashlib
import io
import unicodedata

import cbor2
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

RECORD = b"darkchat session record v1\x00"
TICKET = b"darkchat ticket v1\x00"
RECEIPT = b"darkchat receipt v1\x00"
PRIME = 2**255 - 19
# wire.md 3.8: the y of the points whose order divides 8
SMALL = {0, 1, PRIME - 1,
         0x05fc536d880238b13933c6d305acdfd5f098eff289f4c345b027b2c28f95e826,
         0x7a03ac9277fdc74ec6cc392cfa53202a0f67100d760b3cba4fd84d3d706a17c7}


class Refused(Exception):
    pass


class Record:
    def __init__(self, fields):
        (self.version, self.name, self.user, self.static, self.sid, self.seq,
         self.state, self.addrs, self.lifetime, self.flags, self.hold, self.ext) = fields

    def fingerprint(self):
        """wire.md 4.7"""
        digits = base64.b32encode(hashlib.sha256(self.user).digest()[:10]).decode().lower()
        return "-".join(digits[i:i + 4] for i in range(0, 16, 4))


def need(ok, why):
    if not ok:
        raise Refused(why)


def decode(b):
    stream = io.BytesIO(b)
    try:
        value = cbor2.CBORDecoder(stream).decode()
    except Exception as e:  # cbor2 5.4 raises several kinds
        raise Refused(str(e)) from e
    need(stream.tell() == len(b) and cbor2.dumps(value, canonical=True) == b, "not deterministic")
    return value


def verify(key, sig, message):
    """wire.md 3.8. The library's equation has no cofactor, it compares R as bytes, and it wants s below L."""
    for point in (key, sig[:32]):
        y = int.from_bytes(point, "little") % 2**255
        need(y < PRIME and y not in SMALL, "a point of small order, or not its only encoding")
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(sig, message)
    except (InvalidSignature, ValueError):
        raise Refused("signature")


def is_uint(v):
    return isinstance(v, int) and not isinstance(v, bool) and v >= 0


def check(b):
    """The checks of wire.md 4.2, in their order. Returns the Record."""
    need(len(b) <= 384, "longer than 384 bytes")
    signed = decode(b)
    need(isinstance(signed, list) and len(signed) == 2 and all(isinstance(x, bytes) for x in signed), "not [raw, sig]")
    raw, sig = signed
    need(len(sig) == 64, "signature's length")
    verify(peek_user(raw), sig, RECORD + raw)
    fields = decode(raw)
    need(len(fields) == 12, "elements")
    r = Record(fields)
    need(r.version == 1 and isinstance(r.name, str), "version or name")
    for value, size in ((r.user, 32), (r.static, 32), (r.sid, 8), (r.ext, None)):
        need(isinstance(value, bytes) and (size is None or len(value) == size), "a byte string's length")
    need(isinstance(r.hold, bytes) and len(r.hold) in (0, 32), "hold")
    need(all(map(is_uint, (r.seq, r.state, r.lifetime, r.flags))), "an integer")
    need(hashlib.sha256(r.user + r.static).digest()[:8] == r.sid, "sid")
    need(r.seq < 2**53 and r.state <= 2 and r.lifetime <= 2**31, "a number's size")
    need(isinstance(r.addrs, list) and len(r.addrs) <= 6, "addresses")
    for address in r.addrs:
        need(isinstance(address, list) and len(address) == 2 and is_uint(address[0]) and address[0] <= 255, "address")
        check_addr(address[1])
    check_name(r.name)
    return r


def peek_user(raw):
    """The key by position: 8c 01, a short text, 58 20 and 32 bytes."""
    need(len(raw) > 3 and raw[:2] == b"\x8c\x01" and raw[2] >> 5 == 3, "head")
    size, at = (raw[3], 4) if raw[2] & 31 == 24 else (raw[2] & 31, 3)
    need(size <= 32 and raw[at + size:at + size + 2] == b"\x58\x20", "name or key")
    return raw[at + size + 2:at + size + 34]


def check_addr(addr):
    need(isinstance(addr, bytes) and len(addr) in (6, 18) and addr[-2:] != bytes(2), "address or port")
    need(len(addr) == 6 or addr[:12] != bytes(10) + b"\xff\xff", "IPv4 in 16 bytes")


def check_name(name):
    """wire.md 4.4, with PRECIS only as far as the vectors go: letters, marks, digits and ASCII, NFC, no compatibility forms, RFC 5893."""
    need(1 <= len(name.encode()) <= 32, "name's length")
    need(unicodedata.category(name[0])[0] == "L" or unicodedata.category(name[0]) == "Nd", "name's first character")
    for c in name:
        need("!" <= c <= "~" or unicodedata.category(c) in ("Lu", "Ll", "Lo", "Lm", "Mn", "Mc", "Nd"), "a character in the name")
        need(c not in '/~\\#,:"\'', "a character in the name")
        need(unicodedata.decomposition(c)[:1] != "<", "a compatibility form in the name")
    need(unicodedata.normalize("NFC", name) == name, "name is not NFC")
    check_directions([unicodedata.bidirectional(c) for c in name])


def check_directions(classes):
    """The bidi rule (RFC 5893, 2), for a name in which anything is written from right to left."""
    if not {"R", "AL", "AN"} & set(classes):
        return
    need(classes[0] in ("R", "AL"), "a name that begins from left to right and does not go on so")
    need(set(classes) <= {"R", "AL", "AN", "EN", "ES", "CS", "ET", "ON", "BN", "NSM"}, "both directions in the name")
    while classes[-1] == "NSM":
        classes = classes[:-1]
    need(classes[-1] in ("R", "AL", "EN", "AN") and not {"EN", "AN"} <= set(classes), "the end of the name, or its digits")


def sign(seed, b):
    """The record again, signed from the seed."""
    raw, _ = cbor2.loads(b)
    return cbor2.dumps([raw, Ed25519PrivateKey.from_private_bytes(seed).sign(RECORD + raw)], canonical=True)


def check_ticket(asker, introducer, name, user, ticket):
    need(not name or name == name.casefold(), "not the mapped form")
    if name:
        check_name(name)
    r = check(asker)
    number, sig = ticket
    claim = cbor2.dumps([r.sid, introducer, name, user, number], canonical=True)
    verify(r.user, sig, TICKET + claim)


def check_receipt(user, sender, to, text, result, sig):
    verify(user, sig, RECEIPT + cbor2.dumps([sender, to, text, result], canonical=True))
