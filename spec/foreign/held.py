"""wire.md 5.13 and 5.14: HPKE (RFC 9180, mode base) written out, held copies and receipts."""
from collections import namedtuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

import noise_ix as nx
import record
from messages import Receipt
from strict import decode, encode, is_bytes, is_uint

KEM = b"KEM\x00\x20"
SUITE = b"HPKE\x00\x20\x00\x01\x00\x03"  # X25519 and SHA-256, SHA-256, ChaCha20-Poly1305
COPY = b"darkchat held copy v1\x00"
RECEIPT = b"darkchat receipt v1\x00"

Copy = namedtuple("Copy", "sender id prev sent part parts text sig")


def extract(suite, salt, label, ikm):
    return nx.hmac256(salt, b"HPKE-v1", suite, label, ikm)


def expand(suite, prk, label, info, size):
    """One block: size is at most 32."""
    return nx.hmac256(prk, size.to_bytes(2, "big"), b"HPKE-v1", suite, label, info, b"\x01")[:size]


def schedule(dh, enc, recipient, info):
    """The key and the nonce of the first, and here only, message."""
    shared = expand(KEM, extract(KEM, b"", b"eae_prk", dh), b"shared_secret", enc + recipient, 32)
    context = b"\x00" + extract(SUITE, b"", b"psk_id_hash", b"") + extract(SUITE, b"", b"info_hash", info)
    secret = extract(SUITE, shared, b"secret", b"")
    return expand(SUITE, secret, b"key", context, 32), expand(SUITE, secret, b"base_nonce", context, 12)


def seal(recipient, info, plain, ephemeral):
    """recipient: a public key; ephemeral: a private key used for nothing else."""
    enc = nx.public(ephemeral)
    key, nonce = schedule(nx.dh(ephemeral, recipient), enc, recipient, info)
    return enc + ChaCha20Poly1305(key).encrypt(nonce, plain, b"")


def unseal(private, info, sealed):
    key, nonce = schedule(nx.dh(private, sealed[:32]), sealed[:32], nx.public(private), info)
    return ChaCha20Poly1305(key).decrypt(nonce, sealed[32:], b"")


def make_copy(user, sender, to, hold, id, prev, sent, text, ephemeral):
    """A line of one part, sealed to the hold key of the session `to`; user: the sender's Ed25519 key."""
    sig = user.sign(COPY + encode([sender, to, id, prev, sent, 0, 1, text]))
    return seal(hold, COPY + to, encode([sender, id, prev, sent, 0, 1, text, sig]), ephemeral)


def open_copy(private, to, sealed, user_of):
    """The Copy, or None. user_of(sid): the user key of a session that is known, or None."""
    try:
        copy = Copy(*decode(unseal(private, COPY + to, sealed)))
        if not (is_bytes(copy.sender, 8) and is_bytes(copy.sig, 64) and all(map(is_uint, copy[1:6])) and isinstance(copy.text, str)):
            return None
        user = user_of(copy.sender)
        if user is None:
            return None
        record.verify(user, copy.sig, COPY + encode([copy.sender, to, *copy[1:7]]))
    except (InvalidTag, ValueError, TypeError, record.Refused):
        return None
    return copy


def make_receipt(user, recipient, sender, text, result):
    sig = user.sign(RECEIPT + encode([recipient, sender, text, result]))
    return Receipt(recipient, sender, text, result, sig, b"")


def right_receipt(user, receipt):
    """user: the user key of the recipient, from whom it is."""
    try:
        record.verify(user, receipt.sig, RECEIPT + encode(receipt[:4]))
    except record.Refused:
        return False
    return True
