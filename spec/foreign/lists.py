#!/usr/bin/python3
"""The digests of lists (wire.md 5.7) made again from the lists, and what answers to them tell (5.8). usage: lists.py [FOLDER]"""
import hashlib
import sys

import cbor2

import vectors


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


def check_question(v):
    _, asked, _, _, _ = cbor2.loads(v.bytes)[0][4]
    return len(asked) == 120 and asked == digest(asked[:8], cbor2.loads(v.hex("held")))


def check_answer(v):
    _, summaries, records, following, total, ext = cbor2.loads(v.bytes)[0][4]
    told = cbor2.loads(v.hex("told"))
    differ = differing(v.hex("digest"), told)
    want = [s for s in told if s[0][0] >> 4 in differ and (not following or s[0] <= following)]
    return summaries == want and not records and total == len(told) and ext == sum(1 << i for i in differ).to_bytes(2, "big")


def main():
    questions = answers = 0
    for v in vectors.read(*sys.argv[1:2]):
        for key, check in ("held", check_question), ("told", check_answer):
            if key in v.keys and not check(v):
                raise SystemExit(f"{v.name}: another digest, or another answer")
        questions += "held" in v.keys
        answers += "told" in v.keys
    print(f"python3: {questions} digests of lists made again, {answers} answers to them checked")
    if not (questions and answers):
        raise SystemExit("too few vectors")


main()
