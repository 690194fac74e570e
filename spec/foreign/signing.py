"""What a user signs: records (wire.md 4) and tickets (5.6). What others signed is checked in record.py."""
import hashlib

from cryptography.hazmat.primitives import serialization

from record import RECORD, TICKET
from strict import encode


def public(key):
    """The 32 bytes of an Ed25519 key."""
    return key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)


def sid(user, static):
    return hashlib.sha256(user + static).digest()[:8]


def record(user, static, seq, name, state=0, addrs=(), flags=0, hold=b"", lifetime=600):
    """Of the session whose public X25519 key is static, signed by the user's private Ed25519 key."""
    raw = encode([1, name, public(user), static, sid(public(user), static), seq, state, list(addrs), lifetime, flags, hold, b""])
    return encode([raw, user.sign(RECORD + raw)])


def ticket(user, asker, introducer, name, wanted, number):
    return [number, user.sign(TICKET + encode([asker, introducer, name, wanted, number]))]
