"""Order, duplicates, parts."""
import sending
from acts import delivered, friends, got, need, reads, say, stats, texts
from messages import GAP, TEXT, TOO_OLD, Text
from talk import SILENT


def order(world):
    """a text before its predecessor is answered gap, and shown after it; the same again is acknowledged and not shown"""
    ann, fay = world.program("ann"), world.node("fay")
    peer = friends(world, ann, fay)
    say(world, fay, peer, "one", id=10)
    # The second is lost on its way, for now.
    two = peer.out[TEXT, 20] = sending.Out(TEXT, 20, Text(10, fay.milliseconds(), 0, 0, 1, "two", b""))
    two.due = None
    late = sending.text(fay, peer, "three", world.clock(), id=30, prev=20)
    world.until(lambda: late.result == GAP, "the third should be answered gap")
    need(late.have == 10, "with what ann has")
    two.due = 0
    delivered(world, two)
    delivered(world, late)
    need([ann.expect(event="message")["text"] for _ in range(3)] == ["one", "two", "three"], "in order")
    again = sending.text(fay, peer, "two", world.clock(), id=20, prev=10)
    delivered(world, again)
    b = peer.best().seal([[TEXT, 20, 2, [], list(again.body)]])
    fay.send(ann.at, b, world.clock())
    fay.send(ann.at, b, world.clock())
    world.until(lambda: stats(ann).get("dropped_replay"), "a replay should be counted")
    # One whose predecessor was never sent is given another one: what ann has.
    say(world, fay, peer, "four", id=40, prev=35)
    ann.expect(event="message", text="four")
    need(peer.out[TEXT, 40].body.prev == 30, "another predecessor")
    old = sending.text(fay, peer, "passed over", world.clock(), id=15, prev=10)
    world.until(lambda: old.result == TOO_OLD, "an id below that was never taken is too old")
    world.never(lambda: ann.find(event="message"), "nothing is shown twice", 0.2)


def lost_acks(world):
    """ann's text comes again with a higher attempt until it is acknowledged, padded so that it could be challenged"""
    ann, fay = world.program("ann"), world.node("fay")
    peer = friends(world, ann, fay)
    fay.judge = lambda peer, m: SILENT if m.kind == TEXT and m.attempt < 3 else None
    ann.type("\\chat fay")
    ann.type("hear me")
    reads(world, peer, "hear me")
    came = got(fay, TEXT)
    need([g.attempt for g in came][:3] == [1, 2, 3] and len({(g.id, g.body) for g in map(frozen, came)}) == 1, "three sends of one text")
    need(all(g.size >= 101 for g in came[1:]), "that may be challenged")
    ann.expect(event="delivery", state="delivered")
    # The ack of the taken text is lost, too: it comes again, is acknowledged again, and not taken twice.
    once = []
    fay.judge = lambda peer, m: once.append(peer.inbox.take(m.id, m.body)) or SILENT if m.kind == TEXT and not once else None
    ann.type("and me")
    ann.expect(event="delivery", state="delivered")
    need(texts(peer) == ["hear me", "and me"] and peer.inbox.duplicates > 0, "taken once")


def frozen(g):
    g.body = str(g.body._replace(prev=0))
    return g


def lost_memory(world):
    """a receiver that answers gap with a lower have than before gets the text again, with another predecessor"""
    ann, fay = world.program("ann"), world.node("fay")
    peer = friends(world, ann, fay)
    ann.type("\\chat fay")
    ann.type("one")
    ann.type("two")
    reads(world, peer, "one", "two")
    for _ in range(2):
        ann.expect(event="delivery", state="delivered")
    peer.inbox.forget()
    ann.type("three")
    reads(world, peer, "three")
    need([g.body.prev for g in got(fay, TEXT)][-1] == 0, "prev is what the receiver has")
    ann.expect(event="delivery", state="delivered", id=str(got(fay, TEXT)[-1].id))


def long_lines(world):
    """a line of several parts, both ways"""
    ann, fay = world.program("ann"), world.node("fay")
    peer = friends(world, ann, fay)
    line = " ".join(f"{i} äß€" for i in range(700))
    ann.type("\\chat fay")
    ann.type(line)
    reads(world, peer, line)
    need(len(got(fay, TEXT)) > 5 and [g.body.parts for g in got(fay, TEXT)][0] > 5, "in parts")
    ann.expect(event="delivery", state="delivered")
    parts = ["a" * 1024, "ü" * 512, "the end"]
    first = fay.next_text
    outs = [sending.text(fay, peer, p, world.clock(), part=i, parts=3) for i, p in enumerate(parts)]
    for out in outs:
        delivered(world, out)
    shown = ann.expect(event="message")
    need(shown["text"] == "".join(parts) and shown["id"] == str(first), "one line, named by its first part")


STORIES = order, lost_acks, lost_memory, long_lines
