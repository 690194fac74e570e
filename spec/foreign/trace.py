"""The conversation in words: one line for each datagram and one for each message in it."""
import packets
from messages import KINDS, RESULTS, SCOPES, Message


def short(v):
    if isinstance(v, bytes):
        return v.hex()[:16] + ("..+%d" % (len(v) - 8) if len(v) > 8 else "") or "-"
    if isinstance(v, (list, tuple)):
        return "[" + " ".join(map(short, v)) + "]"
    if isinstance(v, str):
        return repr(v if len(v) < 40 else v[:37] + "...")
    return str(v)


def words(item, size):
    if isinstance(item, str):
        return item
    if isinstance(item, Message):
        name = KINDS.get(item.kind, f"kind {item.kind}")
        if item.kind == 3:
            name += " " + SCOPES[item.body[0]]
        said = f"{name} {item.id}" + (f" attempt {item.attempt}" if item.attempt > 1 else "") + " " + short(list(item.body))
        acks = [f"{KINDS.get(a.kind, a.kind)} {a.id} {RESULTS[a.result] if a.result < 6 else a.result}"
                + (f" have {a.have}" if a.have else "") for a in item.acks]
        return said + (" acks: " + ", ".join(acks) if acks else "")
    return f"{packets.NAMES[item[0]]} {size} B " + short(item[1:3])


class Trace:
    """Lines with the time since the beginning; show() is called on a failure."""

    def __init__(self, clock):
        self.clock, self.began, self.lines = clock, clock(), []

    def datagram(self, node, direction, source, item, b):
        where = str(source[1]) if source else ""
        if isinstance(source, packets.Through):
            where = f"{node.name_of(source.relay)}/{node.name_of(source.session)}"
        self.say(f"{node.name:5} {direction} {where:>11} {words(item, len(b))}")

    def say(self, line):
        self.lines.append(f"{self.clock() - self.began:8.3f} {line}")
