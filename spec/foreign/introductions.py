"""wire.md 5.6, theory.md 7 and 8: tickets, finds, forwarded halves, explode."""
import record
import signing
from messages import EXPLODE, FIND, Ping

ALL_MAY_MEET, RELAYS = 32, 2  # flags of a record (wire.md 4.6)


def ask(node, introducer, scope, name="", user=b"", targets=b""):
    """A find or an explode of this node, with a new ticket."""
    node.ticket_number += 1
    ticket = signing.ticket(node.user, node.sid, introducer, name, user, node.ticket_number)
    node.tickets[node.ticket_number] = name, user
    return Ping(scope, name, user, b"", node.record, [], b"", ticket, targets, b"")


def forward(ping, by, other, other_record, addrs):
    """The forwarded half, about the session `other`, that an introducer makes of a find or an explode."""
    return Ping(ping.scope, ping.name, ping.user, other, other_record, addrs, by, ping.ticket, b"", b"")


def ticket_is_right(ping, introducer):
    """For one introducer alone, signed by whom the record is of."""
    try:
        record.check_ticket(ping.record, introducer, ping.name, ping.user, ping.ticket)
    except record.Refused:
        return False
    return True


def is_new(node, ping, asker):
    """theory.md 7.3, for an introducer: a number that was answered is not obeyed again. The highest 64 are kept."""
    kept = node.passed_on.setdefault(asker, [])
    if ping.ticket[0] in kept or too_old(node, ping, asker):
        return False
    kept.append(ping.ticket[0])
    kept.sort()
    del kept[:-64]
    return True


def too_old(node, ping, asker):
    kept = node.passed_on[asker]
    return len(kept) == 64 and ping.ticket[0] < kept[0]


def rises(node, ping, asker):
    """theory.md 7.3, for the one who is told: a ticket serves once."""
    if ping.ticket[0] <= node.highest_ticket.get(asker, -1):
        return False
    node.highest_ticket[asker] = ping.ticket[0]
    return True


def heard(node, introducer, ping):
    """A forwarded half at this node (theory.md 7.2 and 8). Returns the record of the other one if it may be contacted, "knock" if
    it is only told of, or None if nothing is to be done."""
    try:
        other = record.check(ping.record)
    except record.Refused:
        return None
    if ping.by != introducer or ping.session != other.sid:
        return None
    number = ping.ticket[0]
    if node.tickets.get(number) == (ping.name, ping.user) and ping.ticket[1] == own_signature(node, introducer, ping):
        return other
    if not ticket_is_right(ping, introducer) or not rises(node, ping, other.sid):
        return None
    if ping.scope == EXPLODE:
        return other if other.user in node.knows else None
    if ping.scope != FIND or ping.name != node.name and ping.user != node.user_key:
        return None
    return other if ping.addrs and node.flags & ALL_MAY_MEET else "knock"


def own_signature(node, introducer, ping):
    return signing.ticket(node.user, node.sid, introducer, ping.name, ping.user, ping.ticket[0])[1]
