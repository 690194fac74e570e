"""wire.md 2 and 3: the two sides of an exchange. Answerer makes CHALLENGE and ACCEPT, Dial makes HELLO and HANDSHAKE."""
from cryptography.exceptions import InvalidTag

import noise_ix as nx
import packets
import record
from association import Association
from messages import check, must_be_paid, need
from packets import ACCEPT, CHALLENGE, HANDSHAKE
from strict import Wrong, decode, encode, is_uint

PROLOGUE = b"darkchat\x00"
EPOCH, ACCEPTED = 60, 120  # seconds
MOST_CHALLENGES = 3


HANDSHAKE_PAYLOAD, ACCEPT_PAYLOAD = (4, 2, 1), (3, 1, 0)  # elements, where the messages stand, the least bytes of a record


def payload(plain, shape):
    """wire.md 2.4 and 2.5: the elements, and the messages among them."""
    elements, at, least = shape
    try:
        read = decode(plain)
    except ValueError:
        raise Wrong("payload")
    need(isinstance(read, list) and len(read) == elements and isinstance(read[0], bytes) and isinstance(read[-1], bytes))
    need(least <= len(read[0]) <= 384 and (elements == 3 or is_uint(read[1]) and read[1] < 2**53))
    messages = check(read[at])
    must_be_paid(0, False, messages)
    return read, messages


def checked(b, static):
    """The record that came with a handshake."""
    try:
        r = record.check(b)
    except record.Refused:
        raise Wrong("record")
    if r.static != static:
        raise Wrong("record")
    return r


class Answerer:
    """static: the private session key. random(n): n random bytes."""

    def __init__(self, static, random):
        self.static, self.random, self.epochs, self.used = static, random, [], {}

    def epoch(self, now):
        self.epochs = [e for e in self.epochs if now < e[0] + ACCEPTED]
        self.used = {E: kept for E, kept in self.used.items() if now < kept[0] + ACCEPTED}
        if not self.epochs or now >= self.epochs[0][0] + EPOCH:
            self.epochs.insert(0, (now, self.random(32), nx.private(self.random(32))))
        return self.epochs[:2]

    def challenge(self, echo, origin, now):
        _, secret, e = self.epoch(now)[0]
        return encode([CHALLENGE, echo, nx.cookie(secret, origin, echo, nx.public(e)), nx.public(e), nx.public(self.static)])

    def open(self, packet, source, origin, now):
        """Steps 4 of wire.md 2.7. Returns (record, have, messages, h, k1, k2), or the ACCEPT to say again."""
        _, index, echo, cookie, noise = packet
        began = [(b, e) for b, secret, e in self.epoch(now) if nx.cookie(secret, origin, echo, nx.public(e)) == cookie]
        if not began:
            raise Wrong("cookie")
        E = noise[:32]
        if E in self.used:
            _, first, whence, accept = self.used[E]
            if (first, whence) != (noise, source):
                raise Wrong("used")
            return accept
        prologue = PROLOGUE + encode([HANDSHAKE, index, echo, cookie])
        try:
            S, plain, h, k1, k2 = nx.read(prologue, began[0][1], self.static, noise)
        except (InvalidTag, ValueError):  # ValueError: an all-zero X25519 result
            raise Wrong("noise")
        read, messages = payload(plain, HANDSHAKE_PAYLOAD)
        if S == nx.public(self.static):
            raise Wrong("self")
        return checked(read[0], S), read[0], read[1], messages, h, k1, k2

    def accept(self, packet, own_index, source, opened, own_record, messages, now):
        """The association and its ACCEPT. own_record: empty if the caller has it."""
        _, index, _, _, noise = packet
        r, _, _, _, h, k1, k2 = opened
        head = [ACCEPT, index, own_index, self.random(16)]
        to_caller, to_answerer = nx.transport(k1, k2, head[3], h)
        made = Association(r.static, own_index, index, to_caller, to_answerer, h, source, False, now)
        said = encode(head + [nx.seal(to_caller, 0, encode(head), encode([own_record, messages, b""]))])
        self.used[noise[:32]] = now, noise, source, said
        return made, said


class Dial:
    """One exchange from the caller's side. echo: of the HELLO, or of the DATA that was not understood. want: the session key
    expected, or None for whoever is there. messages: for HANDSHAKE."""

    def __init__(self, source, echo, want, index, static, random):
        self.source, self.echo, self.want, self.index = source, echo, want, index
        self.static, self.random, self.open, self.answered = static, random, [], set()
        self.hello = packets.hello(echo)

    def obey(self, packet, own_record, have, messages):
        """The HANDSHAKE for a CHALLENGE to this dial."""
        _, echo, cookie, e, s = packet
        if self.want is not None and s != self.want:
            raise Wrong("key")
        if (cookie, e, s) in self.answered or len(self.answered) == MOST_CHALLENGES:
            raise Wrong("repeated")
        self.answered.add((cookie, e, s))
        head = [HANDSHAKE, self.index, echo, cookie]
        noise, h, k1, k2 = nx.write(PROLOGUE + encode(head), e, s, nx.private(self.random(32)), self.static,
                                    encode([own_record, have, messages, b""]))
        self.open.append((s, have, h, k1, k2))
        return encode(head + [noise])

    def finish(self, packet, now):
        """For an ACCEPT: the association, its record (or None, if the caller has it) with its bytes, and the messages."""
        *head, sealed = packet
        for s, have, h, k1, k2 in self.open:
            to_caller, to_answerer = nx.transport(k1, k2, head[3], h)
            try:
                plain = nx.unseal(to_caller, 0, encode(head), sealed)
            except InvalidTag:
                continue
            read, messages = payload(plain, ACCEPT_PAYLOAD)
            if read[0] == b"" and have == 0:
                raise Wrong("record")
            r = checked(read[0], s) if read[0] else None
            return Association(s, self.index, head[2], to_answerer, to_caller, h, self.source, True, now), r, read[0], messages
        raise Wrong("seal")
