#!/usr/bin/python3
"""Makes the exchanges of the vectors again, byte for byte, from the private keys in them, and opens them from the other side.

CHALLENGE (cookie, e, s), HANDSHAKE, ACCEPT, DATA in both directions, the transport keys; then every record, every ticket; then the
bad vectors that need keys, each of which must fail for its `error`. Noise is written out in noise_ix.py. usage: handshake.py [FOLDER]
"""
import sys

import cbor2
from cryptography.exceptions import InvalidTag

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
        self.keys, self.files = {}, []

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

    def receive_handshake(self, b):
        """The answerer's side of wire.md 2.7, step 4: S, payload, h, k1, k2, or Wrong."""
        _, index, echo, cookie, noise = cbor2.loads(b)
        if self.cookie(echo) != cookie:
            raise Wrong("cookie")
        prologue = PROLOGUE + cbor([19, index, echo, cookie])
        try:
            got = nx.read(prologue, self.private("answerer_ephemeral"), self.private("answerer_static"), noise)
        except InvalidTag:
            raise Wrong("noise")
        payload = cbor2.loads(got[1])
        if len(payload) != 4 or not isinstance(payload[2], list):
            raise Wrong("payload")
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
        must_be_paid(b, read[1] if head[0] == 20 else read)
        return plain

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
        seen = self.receive_handshake(made)
        if seen != (nx.public(self.private("caller_static")), plain, self.h, self.k1, self.k2):
            raise SystemExit(f"{v.name}: the two sides disagree")
        if self.h != v.hex("handshake_hash"):
            raise SystemExit(f"{v.name}: handshake hash")
        return made

    def refuse(self, v):
        """Treats a bad file of the story as its receiver would."""
        kind = cbor2.loads(v.bytes)[0]
        if kind == 19:
            self.receive_handshake(v.bytes)
        else:
            self.open(v.bytes, self.key_of(v))

    def key_of(self, v):
        return self.hex("key_answerer" if v.bytes[1] == 20 else "key_" + v.keys["from"])


def check_ticket(v):
    """The ticket of a find or explode, or of their forwarded halves where `record` is the asker's."""
    scope, name, user, _, asker, _, _, ticket, *_ = cbor2.loads(v.bytes)[0][4]
    record.check_ticket(asker, v.hex("ticket_introducer"), name, user, ticket)
    return scope


def main():
    stories, records, tickets, refused = {}, 0, 0, 0
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
            elif "ticket_introducer" in v.keys:
                check_ticket(v)
                tickets += not error
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
    print(f"python3-cryptography: {made} datagrams made again byte for byte; {records} records and {tickets} tickets verified; {refused} bad ones refused")
    if not (made and records and tickets and refused):
        raise SystemExit("too few vectors")


main()
