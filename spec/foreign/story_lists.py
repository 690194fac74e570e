"""Presence and lists: who tells whom of whom."""
import sending
from acts import call, friends, got, need
from digests import bits, digest
from messages import (AWAY, DELIVERED, GONE, LIST, LIST_REQUEST, LOST, OFFLINE, ONLINE, PING, PLAIN_PROBE, REACH, SUSPECT, UNKNOWN, Page,
                      Request, Summary)


def ask(world, node, peer, of=b"", held=b"", cursor=b"", credit=8):
    out = sending.tell(node, peer, LIST_REQUEST, Request(of, held, cursor, credit, b""), world.clock())
    world.until(lambda: out.pages, "the list should come")
    return out.pages


def one_by_one(summaries):
    return [Summary(*s) for s in summaries]


def ann_tells(world):
    """ann's list: empty for strangers, summaries for a friend, records when asked for, and the buckets that differ from a digest"""
    ann, fay, gus, hal = world.program("ann"), world.node("fay"), world.node("gus"), world.node("hal")
    peer = call(world, fay, ann.at)
    friends(world, ann, gus)
    call(world, hal, ann.at)
    need(ask(world, fay, peer) == [Page(got(fay, LIST)[-1].body.request, [], [], b"", 0, b"")], "a stranger gets the empty list")
    need(ask(world, fay, peer, of=gus.sid)[0].records == [], "and no record")
    ann.type("\\accept fay")
    ann.expect(event="accept", user="fay")
    page = ask(world, fay, peer)[0]
    need(one_by_one(page.summaries) == [Summary(gus.sid, gus.seq, 0)], "a friend is told of friends alone, and not of itself")
    need(page.total == 1 and page.next == b"" and page.records == [], "in one page of summaries")
    for of in (gus.sid, gus.user_key):
        page = ask(world, fay, peer, of=of)[0]
        need(page.records == [gus.record] and page.summaries[0][0] == gus.sid, "gus's record")
    held, other, bucket = Summary(gus.sid, gus.seq, 0), Summary(bytes([gus.sid[0] ^ 0x80]) + gus.sid[1:], 7, 0), gus.sid[0] >> 4
    for salt, have, differ in (
            (b"saltsalt", [held], []),
            (b"saltmore", [held._replace(state=AWAY)], [bucket]),
            (b"moresalt", sorted([held, other]), [bucket ^ 8]),
            (b"moremore", [other], [bucket, bucket ^ 8])):
        page = ask(world, fay, peer, held=digest(salt, have))[0]
        need((one_by_one(page.summaries), page.next, page.total) == ([held] if bucket in differ else [], b"", 1),
             "of a list the buckets that differ are said")
        need(page.ext == bits(differ), "and which they are")
    page = ask(world, fay, peer, held=bytes(8))[0]
    need(len(page.summaries) == 1 and page.ext == b"", "what is no digest is answered by all")


def ann_tells_in_pages(world):
    """ann knows more than a page holds: a page for each credit, continued by the cursor, in rising order, nobody left out"""
    ann, fay = world.program("ann"), world.node("fay")
    peer = friends(world, ann, fay)
    many = [world.node(f"n{i}") for i in range(70)]
    for n in many:
        call(world, n, ann.at)
        ann.type(f"\\accept {n.name}")
        ann.expect(event="accept", user=n.name)
    first = ask(world, fay, peer, credit=1)
    need(len(first) == 1 and first[0].next == first[0].summaries[-1][0], "one page, and where it goes on")
    need(first[0].total == 70, "of 70")
    second = ask(world, fay, peer, cursor=first[0].next)
    sids = [s[0] for page in first + second for s in page.summaries]
    need(second[-1].next == b"" and sids == sorted(n.sid for n in many), "all, once, in order")


def fay_tells(world):
    """fay's list, in small pages: ann asks for the rest, and for the records, and says who is two edges away; news of them"""
    ann, fay = world.program("ann"), world.node("fay")
    others = [world.node(name) for name in ("gus", "hal", "ida", "jon", "kim")]
    for n in others:
        fay.circle.put(fay.learn(n.record).record, n.record)
    fay.circle.page = 2
    peer = friends(world, ann, fay)
    for n in others:
        ann.expect(event="heard", user=n.name, state="online", via="fay")
    requests = [g.body for g in got(fay, LIST_REQUEST)]
    need(any(r.of == b"" for r in requests), "ann asks for the list")
    need({r.of for r in requests} >= {n.sid for n in others}, "and for the records")
    # News: one says goodbye to fay, another is lost to fay.
    gus, hal = others[:2]
    gus.declare(GONE)
    fay.circle.put(fay.learn(gus.record).record, gus.record)
    fay.circle.put(fay.peers[hal.sid].record, hal.record, LOST)
    news = sorted(s for s in fay.circle.summaries() if s.sid in (gus.sid, hal.sid))
    sending.unconfirmed(fay, peer, LIST, 0, Page(0, news, [], b"", 0, b""), world.clock())
    for n in (gus, hal):
        ann.expect(event="heard", user=n.name, state="offline", via="fay")


def ann_asks_nobody_else(world):
    """a list that nobody asked for, and news of a stranger, change nothing"""
    ann, fay, gus = world.program("ann"), world.node("fay"), world.node("gus")
    peer = call(world, fay, ann.at)
    ann.expect(event="online", user="fay")
    for request in (0, 12345):
        sending.unconfirmed(fay, peer, LIST, 0, Page(request, [Summary(gus.sid, gus.seq, 0)], [], b"", 0, b""), world.clock())
    world.never(lambda: got(fay, LIST_REQUEST) or ann.find(event="heard"), "nothing follows")


def ann_tells_news(world):
    """ann tells fay by news that gus came, is away, and went"""
    ann, fay, gus = world.program("ann"), world.node("fay"), world.node("gus")
    friends(world, ann, fay)
    peer = friends(world, ann, gus)

    def told(state):
        return any(Summary(*s) == Summary(gus.sid, gus.seq, state) for _, page in fay.news for s in page.summaries)

    world.until(lambda: told(0), "that gus is here")
    gus.declare(AWAY)
    sending.tell(gus, peer, ONLINE, [gus.record, b"", b""], world.clock())
    ann.expect(event="away", user="gus", away=True)
    world.until(lambda: told(AWAY), "that gus is away")
    gus.declare(GONE)
    sending.tell(gus, peer, OFFLINE, [gus.record, b""], world.clock())
    ann.expect(event="offline", user="gus", reason="declared")
    world.until(lambda: told(GONE), "that gus is gone")
    # And ann's own state, by declareOnline.
    ann.type("\\away on")
    world.until(lambda: fay.peers[ann.sid].record.state == AWAY, "that ann is away")
    ann.type("\\away off")
    world.until(lambda: fay.peers[ann.sid].record.state == 0, "and back")


def fay_asks_reach(world):
    """the indirect probe: ann answers for a neighbour that ann tells of, and for nobody else"""
    ann, fay, gus, hal = world.program("ann"), world.node("fay"), world.node("gus"), world.node("hal")
    friends(world, ann, gus)
    call(world, hal, ann.at)
    peer = friends(world, ann, fay)
    for n, result in ((gus, DELIVERED), (hal, UNKNOWN)):
        out = sending.once(fay, peer, PLAIN_PROBE._replace(scope=REACH, session=n.sid), world.clock())
        world.until(lambda: out.result is not None, "it should be answered")
        need(out.result == result, n.name)


def ann_asks_reach(world):
    """gus falls silent: ann asks fay, who tells of gus, and when fay does not reach gus either, gus is lost"""
    ann, fay, gus = world.program("ann"), world.node("fay"), world.node("gus")
    friends(world, ann, gus)
    fay.circle.put(fay.learn(gus.record).record, gus.record)
    friends(world, ann, fay)
    gus.passes = lambda source, b: False
    ann.expect(event="offline", user="gus", reason="lost")
    asked = [g.body for g in got(fay, PING) if g.body.scope == REACH]
    need(asked and all(p.session == gus.sid for p in asked), "fay was asked about gus")
    world.until(lambda: any(Summary(*s).state in (SUSPECT, LOST) for _, page in fay.news for s in page.summaries), "and told")


STORIES = fay_asks_reach, ann_asks_reach, ann_tells, ann_tells_in_pages, fay_tells, ann_asks_nobody_else, ann_tells_news
