"""theory.md 2.1, 2.5, 3 and wire.md 6.4, 6.5: what goes out, and again until it is answered."""
import calls
import messages as ms
from association import ERASE
from messages import ACK, BUSY, DELIVERED, GAP, HOLD, PING, RELAY, TEXT, TOO_OLD, Message, Relayed
from packets import LARGEST, MAY_BE_CHALLENGED, RESENT, THROUGH_RELAY, Through
from strict import encode

WAIT, SENDS, HELLOS, SHAKES = 0.25, 5, 5, 2  # theory.md 2.1 and 3.1, of the same link
PATH_GAP = 0.25
RENEW_AGAIN = 60


class Out:
    """A message until it is answered. result: of its ack, None before; pages: of a list that answers it."""

    def __init__(self, kind, id, body):
        self.kind, self.id, self.body = kind, id, body
        self.attempt, self.due, self.result, self.have, self.pages, self.given_up = 0, 0, None, 0, [], False

    def message(self, acks=()):
        return Message(self.kind, self.id, self.attempt, list(acks), list(self.body))


class Waiting(calls.Dial):
    """A dial with its timers. peer: the session that it is for, or None for whoever is there."""

    hellos = shakes = 0
    due, shake, gives_up = 0, b"", False


def tell(node, peer, kind, body, now, id=None):
    """Sends a confirmed message to a session, by any path."""
    if id is None:
        node.next_id += 1
        id = node.next_id
    out = Out(kind, id, body)
    peer.out[kind, id] = out
    flush(node, now)
    return out


def text(node, peer, line, now, prev=None, id=None, part=0, parts=1, late=0):
    """A text, or one part of a line."""
    id = id or node.next_text
    node.next_text = max(node.next_text, id) + 1
    prev, peer.before = peer.before if prev is None else prev, id
    return tell(node, peer, TEXT, ms.Text(prev, node.milliseconds(), late, part, parts, line, b""), now, id)


def unconfirmed(node, peer, kind, id, body, now, source=None, made=None):
    """Sends a message that nobody acknowledges, at once."""
    made = made or peer.best()
    if made:
        put(node, made, [Message(kind, id, 0, [], list(body))], now, source)


def once(node, peer, body, now, made=None):
    """Sends a probe or a reach: it is answered, but never sent again."""
    node.probe_id = node.probe_id % 65535 + 1
    out = Out(PING, node.probe_id, body)
    out.due = None
    peer.out[PING, out.id] = out
    unconfirmed(node, peer, PING, out.id, body, now, made=made)
    return out


def challenge_path(node, peer, made, source, size, now):
    """theory.md 2.5: nothing but a probe goes to an address that has not proved itself, and it is smaller than what caused it."""
    id = int.from_bytes(node.random(8), "big")
    plain = [Message(PING, id, 0, [], list(ms.PLAIN_PROBE))]
    if made.size(plain) < size and not (peer.candidate and now < peer.candidate[2] + PATH_GAP):
        peer.candidate = source, id, now
        put(node, made, plain, now, source)


def path_proved(node, peer, id, source):
    """The ack of a path challenge: from there, and no other place, it moves the path."""
    if peer.candidate and peer.candidate[:2] == (source, id):
        old = {a.source for a in peer.associations}
        for a in peer.associations:
            if not isinstance(a.source, Through):
                a.source = source
        peer.source, peer.candidate = source, None
        node.trace(node, "==", source, f"path of {node.name_of(peer.sid)} was {old}", b"")


def put(node, made, messages, now, source=None, least=0):
    """One DATA. source: only for a path challenge."""
    source = source or made.source
    through = isinstance(source, Through)
    if any(ms.introduces(m.kind, m.body) for m in messages):
        least = THROUGH_RELAY if through else LARGEST
    if not through and made.here != node.at:
        least = max(least, MAY_BE_CHALLENGED)  # a node that moved is found by DATA larger than the probe that it causes (theory.md 2.5)
    messages = ms.padded(messages, least, made.size)
    b = made.seal(messages)
    for m in messages:
        node.trace(node, "  ", None, m, b)
    if not made.confirmed:
        made.allowance -= len(b)
    node.send(source, b, now)


def relay(node, source, b, now):
    peer = node.peer(source.relay)
    unconfirmed(node, peer, RELAY, 0, Relayed(source.session, b, b""), now)


def flush(node, now):
    for peer in list(node.peers.values()):
        due = [o for o in peer.out.values() if o.due is not None and o.due <= now and o.result is None]
        made = peer.best()
        if made is None or not made.confirmed and made.allowance < LARGEST:
            if due and not peer.associations and peer.source and not any(d.want == peer.static for d in node.dials):
                dial(node, peer.source, peer.static, now)
            continue
        if due and made.is_old(now) and now >= made.renewed + RENEW_AGAIN:
            made.renewed = now
            dial(node, made.source, made.static, now)
        for out in due:
            if out.attempt >= SENDS and out.kind not in (TEXT, HOLD):
                out.due, out.given_up = None, True
                continue
            out.attempt += 1
            out.due = now + WAIT * 2 ** min(out.attempt - 1, 4)
            acks, peer.owed = peer.owed[:16], peer.owed[16:]
            put(node, made, [out.message(acks)], now, least=RESENT if out.attempt > 1 else 0)
        while peer.owed:
            acks, peer.owed = peer.owed[:16], peer.owed[16:]
            put(node, made, [Message(ACK, 0, 0, acks, [b""])], now)


def settle(node, peer, ack, source, now):
    """An ack for what this node sent."""
    if ack.kind == PING:
        path_proved(node, peer, ack.id, source)
    out = peer.out.get((ack.kind, ack.id))
    if out is None or ack.result > TOO_OLD or out.result == DELIVERED or ack.result == BUSY:
        return
    out.result, out.have = ack.result, ack.have
    if ack.result == GAP:
        before = peer.out.get((TEXT, out.body.prev))
        if before is None or before.result == DELIVERED:
            # Its predecessor will not come (again): the receiver lost its memory, or that text was cancelled (theory.md 4.2).
            out.body, out.result, out.due = out.body._replace(prev=ack.have), None, now
    elif ack.kind == TEXT:
        for later in peer.out.values():
            if later.kind == TEXT and later.body.prev == ack.id and later.result == GAP:
                later.result, later.due = None, now + WAIT  # it may have been dropped


def dial(node, source, want, now, echo=None):
    """HELLO to an address, or the answer to a CHALLENGE for DATA (echo)."""
    d = Waiting(source, echo or node.random(12), want, node.new_index(), node.static, node.random)
    node.dials.append(d)
    if echo is None:
        call(node, d, now)
    return d


def call(node, d, now):
    d.hellos += 1
    d.due = now + WAIT * 2 ** (d.hellos - 1)
    node.send(d.source, d.hello, now)


def shake(node, d, challenge, now):
    """Sends HANDSHAKE, with the messages that wait for its recipient, if that is known (wire.md 6.4)."""
    peer = next((p for p in node.peers.values() if p.static == d.want), None) if d.want else None
    most = THROUGH_RELAY if isinstance(d.source, Through) else LARGEST
    plain = [ms.Message(ms.ONLINE, node.random(1)[0], 1, [], [b"", b"", b""])] if peer is None else []
    room = most - 160 - len(node.record) - len(encode(plain))
    for out in sorted(peer.out.values(), key=lambda o: o.kind != TEXT) if peer else []:
        size = len(encode(out.message()))
        if out.result is None and out.due is not None and not ms.introduces(out.kind, out.body) and size <= room:
            out.attempt += 1
            out.due = now + WAIT * 2 ** min(out.attempt, 4)
            plain.append(out.message())
            room -= size
    have = peer.record.seq if peer and peer.record else 0
    d.shake = d.obey(challenge, node.record, have, plain)
    for m in plain:
        node.trace(node, "  ", d.source, m, d.shake)
    d.shakes, d.due = 1, now + WAIT
    node.send(d.source, d.shake, now)


def again(node, now):
    """HELLO and HANDSHAKE, byte for byte; after two of the latter HELLO with a new nonce (wire.md 6.5). Old keys are erased."""
    for peer in node.peers.values():
        for a in [a for a in peer.associations if now - a.made > ERASE]:
            peer.associations.remove(a)
            node.associations.pop(a.own_index, None)
    for d in list(node.dials):
        if d.due > now:
            continue
        if 0 < d.shakes < SHAKES:
            d.shakes += 1
            d.due = now + WAIT * 2
            node.send(d.source, d.shake, now)
        elif d.hellos == 0 or d.hellos >= HELLOS:
            node.dials.remove(d)
        elif d.shakes:
            node.dials.remove(d)
            fresh = dial(node, d.source, d.want, now)
            fresh.hellos += d.hellos
        else:
            call(node, d, now)
