"""wire.md 3 written out with python3-cryptography: nothing here knows a Noise library.

Names are those of wire.md 3.3: e, s the answerer's keys, E, S the caller's.
"""
import hashlib
import hmac

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

NAME = b"Noise_IX_25519_ChaChaPoly_SHA256"


def private(b):
    return X25519PrivateKey.from_private_bytes(b)


def public(key):
    return key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)


def dh(key, other):
    return key.exchange(X25519PublicKey.from_public_bytes(other))


def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def hmac256(key, *parts):
    return hmac.new(key, b"".join(parts), hashlib.sha256).digest()


def hkdf2(ck, ikm):
    temp = hmac256(ck, ikm)
    first = hmac256(temp, b"\x01")
    return first, hmac256(temp, first, b"\x02")


def nonce(n):
    return bytes(4) + n.to_bytes(8, "little")


def seal(key, n, ad, plain):
    return ChaCha20Poly1305(key).encrypt(nonce(n), plain, ad)


def unseal(key, n, ad, sealed):
    return ChaCha20Poly1305(key).decrypt(nonce(n), sealed, ad)


def cookie(secret, origin, echo, e):
    return hmac256(secret, origin, echo, e)[:16]


def begin(prologue, e, s):
    """Steps 1 to 5: both sides, with the answerer's public keys."""
    h = sha256(NAME, prologue)
    for part in (e, s, b""):
        h = sha256(h, part)
    return h, NAME


def write(prologue, e, s, E, S, payload):
    """The caller: steps 6 to 13. e, s public; E, S private. Returns noise, handshake hash, k1, k2."""
    h, ck = begin(prologue, e, s)
    h = sha256(h, public(E))
    ck, _ = hkdf2(ck, dh(E, e))
    ck, k = hkdf2(ck, dh(E, s))
    c1 = seal(k, 0, h, public(S))
    h = sha256(h, c1)
    ck, k = hkdf2(ck, dh(S, e))
    c2 = seal(k, 0, h, payload)
    h = sha256(h, c2)
    return public(E) + c1 + c2, h, *hkdf2(ck, b"")


def read(prologue, e, s, noise):
    """The answerer: e, s private. Returns the caller's session key, payload, handshake hash, k1, k2."""
    h, ck = begin(prologue, public(e), public(s))
    E, c1, c2 = noise[:32], noise[32:80], noise[80:]
    h = sha256(h, E)
    ck, _ = hkdf2(ck, dh(e, E))
    ck, k = hkdf2(ck, dh(s, E))
    S = unseal(k, 0, h, c1)
    h = sha256(h, c1)
    ck, k = hkdf2(ck, dh(e, S))
    payload = unseal(k, 0, h, c2)
    h = sha256(h, c2)
    return S, payload, h, *hkdf2(ck, b"")


def transport(k1, k2, salt, h):
    """3.4: the key of what the answerer sends, the key of what the caller sends."""
    info = b"darkchat transport\x00" + h
    okm = HKDF(algorithm=hashes.SHA256(), length=64, salt=salt, info=info).derive(k1 + k2)
    return okm[:32], okm[32:]
