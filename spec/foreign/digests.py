"""The digest of a list (wire.md 5.7). Used by the node here, and by the check of the vectors."""
import hashlib


def buckets(summaries):
    found = [[] for _ in range(16)]
    for s in summaries:
        found[s[0][0] >> 4].append(s)
    return found


def sums(salt, summaries):
    """The count and the sum of each bucket, as they stand in a digest."""
    for bucket in buckets(summaries):
        entries = b"".join(sid + seq.to_bytes(8, "big") + bytes([state]) for sid, seq, state in bucket)
        yield bytes([min(len(bucket), 255)]) + (hashlib.sha256(salt + entries).digest()[:6] if bucket else bytes(6))


def digest(salt, summaries):
    return salt + b"".join(sums(salt, summaries))


def differing(asked, summaries):
    """The buckets in which a list differs from the one whose digest was sent."""
    salt, theirs = asked[:8], [asked[i:i + 7] for i in range(8, 120, 7)]
    return [i for i, own in enumerate(sums(salt, summaries)) if own != theirs[i]]


def bits(found):
    """Buckets as they stand in the ext of an answer (wire.md 5.8)."""
    return sum(1 << i for i in found).to_bytes(2, "big")
