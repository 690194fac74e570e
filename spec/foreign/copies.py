"""The held copy of wire.md 5.13: HPKE (RFC 9180) written out with python3-cryptography, and what is inside."""
import cbor2
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

import noise_ix as nx
import record

COPY = b"darkchat held copy v1\x00"
KEM = b"KEM" + bytes.fromhex("0020")
SUITE = b"HPKE" + bytes.fromhex("002000010003")


def extract(suite, salt, label, ikm):
    return nx.hmac256(salt or bytes(32), b"HPKE-v1", suite, label, ikm)


def expand(suite, key, label, info, size):
    labelled = size.to_bytes(2, "big") + b"HPKE-v1" + suite + label + info
    return HKDFExpand(algorithm=hashes.SHA256(), length=size, info=labelled).derive(key)


def key_and_nonce(dh, enc, to, info):
    """Base mode, DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, ChaCha20Poly1305; enc and to are public keys."""
    shared = expand(KEM, extract(KEM, b"", b"eae_prk", dh), b"shared_secret", enc + to, 32)
    context = b"\x00" + extract(SUITE, b"", b"psk_id_hash", b"") + extract(SUITE, b"", b"info_hash", info)
    secret = extract(SUITE, shared, b"secret", b"")
    return expand(SUITE, secret, b"key", context, 32), expand(SUITE, secret, b"base_nonce", context, 12)


def seal(ephemeral, to, sid, plain):
    """ephemeral is a private key, to the public hold key of the session sid."""
    enc = nx.public(ephemeral)
    key, nonce = key_and_nonce(nx.dh(ephemeral, to), enc, to, COPY + sid)
    return enc + ChaCha20Poly1305(key).encrypt(nonce, plain, None)


def open_copy(private, sid, sealed):
    enc = sealed[:32]
    try:
        key, nonce = key_and_nonce(nx.dh(private, enc), enc, nx.public(private), COPY + sid)
        return ChaCha20Poly1305(key).decrypt(nonce, sealed[32:], None)
    except (InvalidTag, ValueError):
        raise record.Refused("the copy does not open")


def check(body, private, user):
    """body is that of a hold; user the key of the text's sender. Returns the plaintext of the copy."""
    to, sender, number, sealed, _ = body
    plain = open_copy(private, to, sealed)
    fields = record.decode(plain)
    record.need(isinstance(fields, list) and len(fields) == 8, "not a copy")
    from_, id_, prev, sent, part, parts, text, sig = fields
    record.need(from_ == sender and id_ == number, "the copy of another text")
    record.need(1 <= parts <= 64 and part < parts and part < id_ and prev < id_, "part or predecessor")
    record.need(isinstance(text, str) and 1 <= len(text.encode()) <= 832 and len(sig) == 64, "text or signature")
    record.verify(user, sig, COPY + cbor2.dumps([from_, to, id_, prev, sent, part, parts, text], canonical=True))
    return plain
