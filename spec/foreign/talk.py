"""wire.md 5, theory.md 4 to 8: what a node does with each message, and how it answers."""
import held
import introductions
import packets
import record
import sending
from circle import Circle
from messages import (AWAY, DELIVERED, FIND, GAP, GONE, HOLD, LIST, LIST_REQUEST, NOT_TRUSTED, OFFLINE, ONLINE, PING, PROBE, REACH, RECEIPT,
                      RELAY, TEXT, TOO_OLD, UNKNOWN, Ack, Text)

SILENT = "silent"


class Got:
    """A message as it came, for the stories."""

    def __init__(self, peer, message, source, size, in_handshake):
        self.sid, self.source, self.size, self.in_handshake = peer.sid, source, size, in_handshake
        self.kind, self.id, self.attempt, self.acks, self.body = message


def treat(node, peer, m, source, size, now, in_handshake=False):
    """Obeys one message. Returns the acks that answer it."""
    for ack in m.acks:
        sending.settle(node, peer, ack, source, now)
    node.got.append(Got(peer, m, source, size, in_handshake))
    told = node.judge(peer, m)
    if told is not None:
        return [] if told == SILENT else [Ack(m.kind, m.id, m.attempt, told, 0)]
    answers = TREATMENTS[m.kind](node, peer, m, source, now) if m.kind in TREATMENTS else []
    return [Ack(m.kind, id, m.attempt if id == m.id else 0, result, have) for id, result, have in answers]


def own_record(peer, b, states):
    """wire.md 5.4: it is the sender's own, and says what the kind says."""
    try:
        r = record.check(b)
    except record.Refused:
        return None
    return r if r.sid == peer.sid and r.state in states else None


def online(node, peer, m, source, now):
    if m.body[0] and own_record(peer, m.body[0], (0, AWAY)):
        node.learn(m.body[0])
    return [(m.id, DELIVERED, 0)]


def offline(node, peer, m, source, now):
    if own_record(peer, m.body[0], (GONE,)) and node.learn(m.body[0]).record.state == GONE:
        # The ack leaves first; then the association is forgotten (theory.md 5.1).
        peer.owed.append(Ack(m.kind, m.id, m.attempt, DELIVERED, 0))
        sending.flush(node, now)
        node.forget(peer)
        return []
    return [(m.id, DELIVERED, 0)]


def ping(node, peer, m, source, now):
    p = m.body
    if p.scope == PROBE:
        return [(m.id, DELIVERED, 0)]
    if p.scope == REACH:
        asked = node.peers.get(p.session)
        there = asked and p.session in node.circle.entries and any(now - a.heard < 1 for a in asked.associations)
        return [(m.id, DELIVERED if there else UNKNOWN, 0)]
    if p.by:
        return forwarded(node, peer, m, now)
    asker_is_right = p.record and own_record(peer, p.record, (0, AWAY)) and introductions.ticket_is_right(p, node.sid)
    if p.scope == FIND or not asker_is_right or isinstance(source, packets.Through):
        return [(m.id, UNKNOWN, 0)]  # this node introduces nobody
    if introductions.is_new(node, p, peer.sid):
        pass_on(node, peer, p, source, now)
    return [(m.id, TOO_OLD if introductions.too_old(node, p, peer.sid) else DELIVERED, 0)]


def pass_on(node, asker, p, source, now):
    """Explode: the record of the asker to those neighbours that were named, with the address at which it is seen here."""
    targets = [p.targets[i:i + 8] for i in range(0, len(p.targets), 8)]
    where = [packets.addr(*source)]
    for other in list(node.peers.values()):
        if other is not asker and other.sid in node.circle.entries and (not targets or other.sid in targets):
            sending.tell(node, other, PING, introductions.forward(p, node.sid, asker.sid, p.record, where), now)


def forwarded(node, peer, m, now):
    other = introductions.heard(node, peer.sid, m.body)
    if other == "knock":
        asker = record.check(m.body.record)
        if asker.user in node.knows:
            sending.tell(node, peer, PING, introductions.ask(node, peer.sid, FIND, user=asker.user), now)
    elif other is not None:
        meet(node, peer, node.learn(m.body.record), m.body.addrs, now)
    return [(m.id, DELIVERED, 0)]


def meet(node, introducer, other, addrs, now):
    """theory.md 7.4: HELLO to all the addresses, and through the introducer, if it relays."""
    for a in addrs:
        if len(a) == 6 and not other.associations:
            sending.dial(node, packets.endpoint(a), other.static, now)
    if introducer.record.flags & introductions.RELAYS:
        sending.dial(node, packets.Through(introducer.sid, other.sid), other.static, now)


def list_request(node, peer, m, source, now):
    told = node.circle if peer.record and peer.record.user in node.knows else Circle()  # strangers get an empty list
    for page in told.pages(m.id, m.body):
        sending.unconfirmed(node, peer, LIST, 0, page, now)
    return []


def known_list(node, peer, m, source, now):
    asked = peer.out.get((LIST_REQUEST, m.body.request))
    if m.body.request == 0:
        node.news.append((peer.sid, m.body))
    elif asked:
        asked.result = DELIVERED
        asked.pages.append(m.body)
    return []


def text(node, peer, m, source, now):
    return [(id, result, peer.inbox.have if result == GAP else 0) for id, result in peer.inbox.take(m.id, m.body)]


def relayed(node, peer, m, source, now):
    """A datagram that comes through a relay is like any other; relays do not chain."""
    if not isinstance(source, packets.Through):
        node.receive(m.body.datagram, packets.Through(peer.sid, m.body.session), now)
    return []


def hold(node, peer, m, source, now):
    h = m.body
    if h.to != node.sid:
        if h.sender != peer.sid or h.to not in node.circle.entries:
            return [(m.id, UNKNOWN, 0)]
        if peer.record.user not in node.knows:
            return [(m.id, NOT_TRUSTED, 0)]
        node.copies[h.to, h.sender, h.text] = h
        return [(m.id, DELIVERED, 0)]
    copy = held.open_copy(node.hold, node.sid, h.sealed, lambda sid: node.peer(sid).record and node.peer(sid).record.user)
    if copy is None or (copy.sender, copy.id) != (h.sender, h.text):
        return [(m.id, UNKNOWN, 0)]
    inbox = node.peer(copy.sender).inbox
    answers = inbox.take(copy.id, Text(copy.prev, copy.sent, 1, copy.part, copy.parts, copy.text, b""), via=peer.sid)
    for id, result in answers:
        if result in (DELIVERED, TOO_OLD):
            sending.tell(node, peer, RECEIPT, held.make_receipt(node.user, node.sid, copy.sender, id, result), now)
    result = dict(answers)[copy.id]
    return [(m.id, result, inbox.have if result == GAP else 0)]


def receipt(node, peer, m, source, now):
    r = m.body
    recipient = node.peers.get(r.sender)
    if r.to == node.sid:
        if recipient and recipient.record and held.right_receipt(recipient.record.user, r):
            node.receipts.append(r)
            waiting = recipient.out.get((TEXT, r.text))
            if waiting:
                waiting.result = r.result
    elif node.copies.pop((r.sender, r.to, r.text), None):
        node.receipts.append(r)  # kept for the text's sender
    return [(m.id, DELIVERED, 0)]


TREATMENTS = {ONLINE: online, OFFLINE: offline, PING: ping, LIST_REQUEST: list_request, LIST: known_list, TEXT: text, RELAY: relayed,
              HOLD: hold, RECEIPT: receipt}
