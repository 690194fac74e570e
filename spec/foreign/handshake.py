#!/usr/bin/python3
"""Makes the exchanges of the vectors again, byte for byte, from the private keys in them, and opens them from the other side.

CHALLENGE (cookie, e, s), HANDSHAKE, ACCEPT, DATA in both directions, the transport keys; then every record, ticket, receipt and held
copy; then the bad vectors that need keys, each of which must fail for its `error`, and those that are answered and not obeyed. Noise is
written out in noise_ix.py, HPKE in copies.py. usage: handshake.py [FOLDER]
"""
import sys

import cbor2
from cryptography.exceptions import InvalidTag

import copies
import noise_ix as nx
import record
import vectors

PROLOGUE = b"darkchat\x00"


def cbor(value):
    return cbor2.dumps(value, canonical=True)


class Wrong(Exception):
    """What a receiver finds, by its name in wire.md 8."""


def must_be_paid(b, messages):
    """wire.md 6.5: what makes others say HELLO fills its DATA, and is alone of its kind in it."""
    introductions = sum(1 for kind, _, _, _, body in messages if kind == 3 and (body[0] == 1 or body[6]))
    if introductions > 1 or introductions == 1 and (b[1] != 21 or len(b) < 1200):
        raise Wrong("short")


class Exchange:
    """The keys of one story, gathered from all its files."""

    OWN = ("layer", "rule", "error", "plain", "from", "handshake_hash", "exchange")

    def __init__(self):
        self.keys, self.files, self.have = {}, [], 0

    def add(self, v):
        self.files.append(v)
        for key, value in v.keys.items():
            if key not in self.OWN and self.keys.setdefault(key, value) != value:
                raise SystemExit(f"{v.name}: {key} differs from another file of its exchange")

    def hex(self, key):
        return bytes.fromhex(self.keys[key])

    def private(self, key):
        return nx.private(self.hex(key))

    def cookie(self, echo):
        e = nx.public(self.private("answerer_ephemeral"))
        return nx.cookie(self.hex("cookie_secret"), self.hex("origin"), echo, e)

    def ephemeral_of(self, echo, cookie):
        """The e of the epoch that made a cookie: that of the CHALLENGE, or the one after it."""
        for secret, e in (("later_cookie_secret", "later_ephemeral"), ("cookie_secret", "answerer_ephemeral")):
            if secret in self.keys and nx.cookie(self.hex(secret), self.hex("origin"), echo, nx.public(self.private(e))) == cookie:
                return self.private(e)
        raise Wrong("cookie")

    def receive_challenge(self, b):
        """Can the caller answer it? A key with which no secret can be shared gives zeros."""
        _, _, _, e, s = cbor2.loads(b)
        try:
            nx.dh(self.private("caller_ephemeral"), e), nx.dh(self.private("caller_ephemeral"), s)
        except ValueError:
            raise Wrong("noise")

    def receive_handshake(self, b):
        """The answerer's side of wire.md 2.7, step 4: S, payload, h, k1, k2, or Wrong."""
        _, index, echo, cookie, noise = cbor2.loads(b)
        e = self.ephemeral_of(echo, cookie)
        prologue = PROLOGUE + cbor([19, index, echo, cookie])
        try:
            got = nx.read(prologue, e, self.private("answerer_static"), noise)
        except (InvalidTag, ValueError):
            raise Wrong("noise")
        payload = cbor2.loads(got[1])
        if len(payload) != 4 or not isinstance(payload[2], list):
            raise Wrong("payload")
        if got[0] == nx.public(self.private("answerer_static")):
            raise Wrong("self")
        try:
            if record.check(payload[0]).static != got[0]:
                raise Wrong("record")
        except record.Refused:
            raise Wrong("record")
        must_be_paid(b, payload[2])
        return got

    def open(self, b, key):
        *head, sealed = cbor2.loads(b)
        try:
            plain = nx.unseal(key, 0 if head[0] == 20 else head[2], cbor(head), sealed)
        except InvalidTag:
            raise Wrong("seal")
        read = cbor2.loads(plain)
        messages = read[1] if head[0] == 20 and isinstance(read, list) and len(read) == 3 else read
        if not isinstance(messages, list):
            raise Wrong("payload")
        if head[0] == 20:
            self.must_be_the_answerers(read[0])
        must_be_paid(b, messages)
        return plain

    def must_be_the_answerers(self, signed):
        """wire.md 2.7, step 5: the record in an ACCEPT, or none where the caller said that it has one."""
        try:
            record.need(signed or self.have, "no record")
            s = nx.public(self.private("answerer_static"))
            record.need(not signed or record.check(signed).static == s, "another's record")
        except record.Refused:
            raise Wrong("record")

    def reproduce(self):
        """Makes every good datagram of the story again; returns how many."""
        good = [v for v in self.files if "error" not in v.keys]
        for v in sorted(good, key=lambda v: cbor2.loads(v.bytes)[0]):
            made = self.make(v, cbor2.loads(v.bytes))
            if made != v.bytes:
                raise SystemExit(f"{v.name}: made {made.hex()}")
            if made[1] in (20, 21):
                self.open(made, self.key_of(v))
        return len(good)

    def make(self, v, read):
        kind, plain = read[0], bytes.fromhex(v.keys.get("plain", ""))
        if kind == 17:
            return cbor([17, read[1], bytes(95)])
        if kind == 21:
            head = read[:3]
            return cbor(head + [nx.seal(self.hex("key_" + v.keys["from"]), head[2], cbor(head), plain)])
        e, s = (nx.public(self.private(k)) for k in ("answerer_ephemeral", "answerer_static"))
        if kind == 18:
            return cbor([18, read[1], self.cookie(read[1]), e, s])
        if kind == 19:
            return self.make_handshake(v, read, e, s, plain)
        head = read[:4]
        answerer, caller = nx.transport(self.k1, self.k2, head[3], self.h)
        if (answerer, caller) != (self.hex("key_answerer"), self.hex("key_caller")):
            raise SystemExit(f"{v.name}: transport keys")
        return cbor(head + [nx.seal(answerer, 0, cbor(head), plain)])

    def make_handshake(self, v, read, e, s, plain):
        _, index, echo, _, _ = read
        head = [19, index, echo, self.cookie(echo)]
        noise, self.h, self.k1, self.k2 = nx.write(
            PROLOGUE + cbor(head), e, s, self.private("caller_ephemeral"), self.private("caller_static"), plain)
        made = cbor(head + [noise])
        self.have = cbor2.loads(plain)[1]
        seen = self.receive_handshake(made)
        if seen != (nx.public(self.private("caller_static")), plain, self.h, self.k1, self.k2):
            raise SystemExit(f"{v.name}: the two sides disagree")
        if self.h != v.hex("handshake_hash"):
            raise SystemExit(f"{v.name}: handshake hash")
        return made

    def refuse(self, v):
        """Treats a bad file of the story as its receiver would."""
        kind = cbor2.loads(v.bytes)[0]
        if kind == 18:
            self.receive_challenge(v.bytes)
        elif kind == 19:
            self.receive_handshake(v.bytes)
        else:
            self.open(v.bytes, self.key_of(v))

    def key_of(self, v):
        return self.hex("key_answerer" if v.bytes[1] == 20 else "key_" + v.keys["from"])


def check_ticket(v):
    """The ticket of a find or explode, or of their forwarded halves where `record` is the asker's."""
    scope, name, user, _, asker, _, _, ticket, *_ = cbor2.loads(v.bytes)[0][4]
    record.need(scope != 1 or name or user, "looks for nobody")
    record.check_ticket(asker, v.hex("ticket_introducer"), name, user, ticket)


def check_held(v):
    """A copy: it opens, its sender has signed it, and from the private keys it is made again."""
    body = cbor2.loads(v.bytes)[0][4]
    private = nx.private(v.hex("hold_private"))
    plain = copies.check(body, private, v.hex("copy_user"))
    made = copies.seal(nx.private(v.hex("hold_ephemeral")), nx.public(private), body[0], plain)
    if plain != v.hex("copy") or made != body[3]:
        raise SystemExit(f"{v.name}: another copy")


def check_receipt(v):
    sender, to, text, result, sig, _ = cbor2.loads(v.bytes)[0][4]
    record.check_receipt(v.hex("receipt_user"), sender, to, text, result, sig)


SIGNED = {"ticket_introducer": check_ticket, "hold_private": check_held, "receipt_user": check_receipt}


def check_signed(v):
    """What users signed in a message. It is worth something, or the vector says what it is answered with instead; True: it is."""
    for key, check in SIGNED.items():
        if key not in v.keys:
            continue
        try:
            check(v)
        except record.Refused as why:
            if "answer" not in v.keys:
                raise SystemExit(f"{v.name}: {why}")
            return False
        if "answer" in v.keys:
            raise SystemExit(f"{v.name}: obeyed, should be answered {v.keys['answer']} and no more")
    return True


def main():
    stories, records, signed, idle, refused = {}, 0, 0, 0, 0
    everything = vectors.read(*sys.argv[1:2])
    for v in everything:
        if "exchange" in v.keys:
            stories.setdefault(v.keys["exchange"], Exchange()).add(v)
    made = sum(story.reproduce() for story in stories.values())
    for v in everything:
        error = v.keys.get("error")
        try:
            if v.keys["layer"] == "record":
                r = record.check(v.bytes)
                if "user_seed" in v.keys and record.sign(v.hex("user_seed"), v.bytes) != v.bytes:
                    raise SystemExit(f"{v.name}: another signature")
                if v.keys.get("fingerprint", r.fingerprint()) != r.fingerprint():
                    raise SystemExit(f"{v.name}: fingerprint {r.fingerprint()}")
                records += not error
            elif SIGNED.keys() & v.keys.keys():
                worth = check_signed(v)
                signed, idle = signed + worth, idle + (not worth)
            elif error and v.keys.get("exchange"):
                stories[v.keys["exchange"]].refuse(v)
            else:
                continue
        except record.Refused as why:
            if error != "record":
                raise SystemExit(f"{v.name}: {why}")
            refused += 1
            continue
        except Wrong as wrong:
            if str(wrong) != error:
                raise SystemExit(f"{v.name}: {wrong}, expected {error}")
            refused += 1
            continue
        if error:
            raise SystemExit(f"{v.name}: accepted, should be refused: {error}")
    print(f"python3-cryptography: {made} datagrams made again byte for byte; {records} records and {signed} tickets, copies and receipts "
          f"verified; {refused} bad ones refused, {idle} answered and not obeyed")
    if not (made and records and signed and idle and refused):
        raise SystemExit("too few vectors")


main()
