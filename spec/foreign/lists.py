#!/usr/bin/python3
"""The digests of lists (wire.md 5.7) made again from the lists, and what answers to them tell (5.8). usage: lists.py [FOLDER]"""
import sys

import cbor2

import vectors
from digests import bits, differing, digest


def check_question(v):
    _, asked, _, _, _ = cbor2.loads(v.bytes)[0][4]
    return len(asked) == 120 and asked == digest(asked[:8], cbor2.loads(v.hex("held")))


def check_answer(v):
    _, summaries, records, following, total, ext = cbor2.loads(v.bytes)[0][4]
    told = cbor2.loads(v.hex("told"))
    differ = differing(v.hex("digest"), told)
    want = [s for s in told if s[0][0] >> 4 in differ and (not following or s[0] <= following)]
    return summaries == want and not records and total == len(told) and ext == bits(differ)


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
