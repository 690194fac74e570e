"""wire.md 5: messages, what each body must be, and the padding."""
from collections import namedtuple

import packets
import record
from strict import Wrong, is_bytes, is_uint

ONLINE, OFFLINE, PING, LIST_REQUEST, LIST, TEXT, ACK, RELAY, HOLD, RECEIPT = range(1, 11)
KINDS = {ONLINE: "declareOnline", OFFLINE: "declareOffline", PING: "requestPing", LIST_REQUEST: "requestUserList",
         LIST: "deliverKnownList", TEXT: "text", ACK: "ack", RELAY: "relay", HOLD: "hold", RECEIPT: "receipt"}
DELIVERED, GAP, UNKNOWN, NOT_TRUSTED, BUSY, TOO_OLD = range(6)
RESULTS = "delivered", "gap", "unknown recipient", "not trusted", "busy", "too old"
PROBE, FIND, EXPLODE, REACH = range(4)
SCOPES = "probe", "find", "explode", "reach"
AWAY, GONE, SUSPECT, LOST = 1, 2, 3, 4  # states; 0 is online

Message = namedtuple("Message", "kind id attempt acks body")
Ack = namedtuple("Ack", "kind id attempt result have")
Ping = namedtuple("Ping", "scope name user session record addrs by ticket targets ext")
Request = namedtuple("Request", "of digest cursor credit ext")
Page = namedtuple("Page", "request summaries records next total ext")
Summary = namedtuple("Summary", "sid seq state")
Text = namedtuple("Text", "prev sent late part parts text ext")
Relayed = namedtuple("Relayed", "session datagram ext")
Hold = namedtuple("Hold", "to sender text sealed ext")
Receipt = namedtuple("Receipt", "sender to text result sig ext")

DEEPEST_BODY = 3  # arrays within arrays in what is skipped: as deep as the known kinds
BODIES = {PING: Ping, LIST_REQUEST: Request, LIST: Page, TEXT: Text, RELAY: Relayed, HOLD: Hold, RECEIPT: Receipt}
PLAIN_PROBE = Ping(PROBE, "", b"", b"", b"", [], b"", [0, b""], b"", b"")


def need(ok):
    if not ok:
        raise Wrong("payload")


def confirmed(kind, body):
    return kind in (ONLINE, OFFLINE, LIST_REQUEST, TEXT, HOLD, RECEIPT) or kind == PING and body[0] in (FIND, EXPLODE)


def introduces(kind, body):
    """5.6: a find, its forwarded half, and explode as it is passed on."""
    return kind == PING and (body[0] == FIND or body[6] != b"")


def must_be_paid(size, is_data, messages):
    """6.5: what makes others say HELLO fills its DATA, and is alone of its kind in it."""
    introductions = sum(1 for kind, _, _, _, body in messages if introduces(kind, body))
    if introductions > 1 or introductions == 1 and not (is_data and size == packets.LARGEST):
        raise Wrong("short")


def check(plain):
    """The messages in a plaintext that strict.py decoded; raises Wrong. Unknown kinds keep their bodies."""
    need(isinstance(plain, list) and len(plain) <= 64)
    return [message(*m) for m in plain if need(isinstance(m, list) and len(m) == 5) is None]


def message(kind, id, attempt, acks, body):
    need(is_uint(kind) and is_uint(id) and is_uint(attempt) and isinstance(acks, list) and len(acks) <= 64 and isinstance(body, list))
    for ack in acks:
        need(isinstance(ack, list) and len(ack) == 5 and all(map(is_uint, ack)) and ack[4] < 2**53)
    if kind in SHAPES:
        shape = SHAPES[kind]
        need(len(body) == len(shape) and all(right(v) for right, v in zip(shape, body)))
        body = BODIES[kind](*body) if kind in BODIES else body
        if kind in RULES:
            need(RULES[kind](id, body))
    else:
        need(depth(body) <= DEEPEST_BODY)
    return Message(kind, id, attempt, [Ack(*a) for a in acks], body)


def depth(v):
    return 1 + max(map(depth, v), default=0) if isinstance(v, list) else 0


def up_to(n, least=0):
    return lambda v: is_bytes(v) and least <= len(v) <= n


def one_of(*sizes):
    return lambda v: is_bytes(v, *sizes)


def number(least, most):
    return lambda v: is_uint(v) and least <= v <= most


def string(least, most):
    return lambda v: isinstance(v, str) and least <= len(v.encode()) <= most


def several(most, right):
    return lambda v: isinstance(v, list) and len(v) <= most and all(map(right, v))


def addr(v):
    try:
        return record.check_addr(v) is None
    except record.Refused:
        return False


def ticket(v):
    return isinstance(v, list) and len(v) == 2 and is_uint(v[0]) and is_bytes(v[1], 0, 64)


def summary(v):
    return isinstance(v, list) and len(v) == 3 and is_bytes(v[0], 8) and is_uint(v[1]) and v[1] < 2**53 and number(0, 4)(v[2])


SHAPES = {
    ONLINE: (up_to(384), lambda v: v == b"" or addr(v), is_bytes),
    OFFLINE: (up_to(384, 1), is_bytes),
    PING: (number(0, 3), string(0, 32), one_of(0, 32), one_of(0, 8), up_to(384), several(4, addr), one_of(0, 8), ticket,
           lambda v: is_bytes(v) and len(v) <= 512 and len(v) % 8 == 0, is_bytes),
    LIST_REQUEST: (one_of(0, 8, 32), up_to(128), one_of(0, 8), number(1, 8), is_bytes),
    LIST: (is_uint, several(64, summary), several(4, up_to(384, 1)), one_of(0, 8), is_uint, is_bytes),
    TEXT: (is_uint, is_uint, number(0, 1), number(0, 63), number(1, 64), string(1, 1024), is_bytes),
    ACK: (is_bytes,),
    RELAY: (one_of(8), up_to(packets.THROUGH_RELAY, 1), is_bytes),
    HOLD: (one_of(8), one_of(8), number(1, 2**53 - 1), up_to(1000, 1), is_bytes),
    RECEIPT: (one_of(8), one_of(8), number(1, 2**53 - 1), lambda v: v in (DELIVERED, NOT_TRUSTED, TOO_OLD), one_of(64), is_bytes),
}


def ping_rule(_, p):
    """5.6: of a probe everything else is empty, of reach everything but the session."""
    if p.scope in (PROBE, REACH):
        return p == PLAIN_PROBE._replace(scope=p.scope, ext=p.ext, session=p.session) and len(p.session) == (8 if p.scope == REACH else 0)
    return p.scope == EXPLODE or p.targets == b""


def page_rule(_, p):
    sids = [s[0] for s in p.summaries]
    return sids == sorted(set(sids)) and (p.request != 0 or not p.records and p.next == b"" and p.total == 0)


def carried(b):
    try:
        return packets.read(b)
    except Wrong:
        return False


RULES = {
    PING: ping_rule,
    LIST: page_rule,
    TEXT: lambda id, t: t.part < t.parts and t.part < id and t.prev < id < 2**53,
    RELAY: lambda _, r: carried(r.datagram),
    HOLD: lambda _, h: h.to != h.sender,
    RECEIPT: lambda _, r: r.sender != r.to,
}


def padding(n):
    return Message(ACK, 0, 0, [], [bytes(n)])


def padded(messages, want, size_of):
    """messages with one more that makes size_of(messages) at least `want`, and no larger than must be (5.10)."""
    if size_of(messages) >= want:
        return messages
    least = max(0, want - size_of(messages + [padding(0)]) - 8)
    for n in range(least, least + 16):
        if size_of(messages + [padding(n)]) >= want:
            return messages + [padding(n)]
    raise AssertionError("padding")
