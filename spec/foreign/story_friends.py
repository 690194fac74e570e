"""What friends do for friends: keep sealed copies, bring back receipts, pass on records of an explode."""
import held
import introductions
import noise_ix as nx
import packets
import sending
from acts import call, friends, got, need, reads, say, texts
from messages import DELIVERED, EXPLODE, GONE, HOLD, OFFLINE, PING, RECEIPT, UNKNOWN, Hold


def goodbye(world, node, peer):
    node.declare(GONE)
    bye = sending.tell(node, peer, OFFLINE, [node.record, b""], world.clock())
    world.until(lambda: bye.result == 0, "the goodbye should be acknowledged")
    node.forget(peer)


def asked(world, node, peer, kind, body):
    out = sending.tell(node, peer, kind, body, world.clock())
    world.until(lambda: out.result is not None or out.given_up, "it should be answered")
    return out.result


def copy_for(node, to, line, id, prev=0):
    """A hold of node's text for the session `to`, of whom node has the record."""
    hold = node.peers[to].record.hold
    sealed = held.make_copy(node.user, node.sid, to, hold, id, prev, node.milliseconds(), line, nx.private(node.random(32)))
    return Hold(to, node.sid, id, sealed, b"")


def fay_holds(world):
    """fay keeps ann's copies for gus: the line is held; gus opens it, and the receipt, brought by fay, makes it delivered"""
    ann, fay, gus = world.program("ann"), world.node("fay"), world.node("gus")
    with_ann = friends(world, ann, gus)
    fay.circle.put(fay.learn(gus.record).record, gus.record)
    friends(world, ann, fay)
    goodbye(world, gus, with_ann)
    ann.expect(event="offline", user="gus")
    ann.type("\\chat gus")
    ann.type("for when you are back")
    ann.expect(event="delivery", to="gus", state="held", by="fay")
    ann.type("and this after it")
    world.until(lambda: len(fay.copies) == 2, "fay should get two copies")
    copies = [fay.copies[key] for key in sorted(fay.copies)]
    need(all((c.to, c.sender) == (gus.sid, ann.sid) for c in copies), "from ann to gus")
    opened = [held.open_copy(gus.hold, gus.sid, c.sealed, lambda sid: gus.peers[sid].record.user) for c in copies]
    need([c.text for c in opened] == ["for when you are back", "and this after it"], "gus can open them")
    need(opened[1].prev == opened[0].id, "in order")
    need(held.open_copy(fay.hold, gus.sid, copies[0].sealed, lambda sid: with_ann.record.user) is None, "and fay cannot")
    # gus meets only fay; both are nodes of this folder.
    gus.passes = lambda source, b: source != ann.at
    sending.dial(gus, fay.at, None, world.clock())
    world.until(lambda: fay.sid in gus.peers and gus.peers[fay.sid].associations, "gus should reach fay")
    for c in copies:
        need(asked(world, fay, fay.peers[gus.sid], HOLD, c) == DELIVERED, "gus takes it")
    need(texts(gus.peers[ann.sid]) == ["for when you are back", "and this after it"], "gus reads both")
    need(not fay.copies and len(fay.receipts) == 2, "fay has the receipts instead")
    for r in fay.receipts:
        forged = r._replace(sig=bytes(64))
        asked(world, fay, fay.peers[ann.sid], RECEIPT, forged)
        need(not ann.find(event="delivery", id=str(r.text), state="delivered"), "ann does not believe a forged one")
        need(asked(world, fay, fay.peers[ann.sid], RECEIPT, r) == DELIVERED, "ann takes it")
        ann.expect(event="delivery", id=str(r.text), to="gus", state="delivered")


def ann_holds(world):
    """ann keeps fay's copies for gus, and gives them to gus when gus comes, and the receipt to fay when fay comes"""
    ann, fay, gus = world.program("ann"), world.node("fay"), world.node("gus")
    fay_ann = friends(world, ann, fay)
    gus_ann = friends(world, ann, gus)
    fay.learn(gus.record)
    gus.learn(fay.record)
    goodbye(world, gus, gus_ann)
    ann.expect(event="offline", user="gus")
    need(asked(world, fay, fay_ann, HOLD, copy_for(fay, gus.sid, "kept by ann", 1)) == DELIVERED, "ann keeps it")
    waiting = sending.Out(6, 1, b"")  # the text itself, which fay could not send
    fay.peer(gus.sid).out[6, 1] = waiting
    waiting.due = None
    goodbye(world, fay, fay_ann)
    ann.expect(event="offline", user="fay")
    gus.declare(0)
    call(world, gus, ann.at, gus_ann.static)
    reads(world, gus.peer(fay.sid), "kept by ann")
    need(gus.peer(fay.sid).inbox.lines[0].late == 1 and gus.peer(fay.sid).inbox.lines[0].via == ann.sid, "late, by ann")
    fay.declare(0)
    call(world, fay, ann.at, fay_ann.static)
    world.until(lambda: fay.receipts, "ann should bring the receipt")
    need(waiting.result == DELIVERED, "gus's own word")


def ann_is_brought(world):
    """fay brings ann a copy of gus's text: ann opens it, shows it late and once, and signs a receipt; not garbage"""
    ann, fay, gus = world.program("ann"), world.node("fay"), world.node("gus")
    gus_ann = friends(world, ann, gus)
    fay_ann = friends(world, ann, fay)
    say(world, gus, gus_ann, "direct", id=1)
    ann.expect(event="message", text="direct")
    need(len(gus_ann.record.hold) == 32, "ann publishes a hold key")
    good = copy_for(gus, ann.sid, "by way of fay", 2, prev=1)
    need(asked(world, fay, fay_ann, HOLD, good._replace(sealed=good.sealed[:-1] + b"\x00")) == UNKNOWN, "what does not open")
    need(asked(world, fay, fay_ann, HOLD, good) == DELIVERED, "ann opens it")
    shown = ann.expect(event="message", text="by way of fay")
    need(shown["via"] == "fay" and shown["late"] is True and shown["from"] == "gus", "late, by fay")
    world.until(lambda: got(fay, RECEIPT), "ann's receipt")
    r = got(fay, RECEIPT)[0].body
    need((r.sender, r.to, r.text, r.result) == (ann.sid, gus.sid, 2, DELIVERED), "of this text")
    need(held.right_receipt(gus_ann.record.user, r), "signed by ann")
    # The same text directly from gus, and again by fay: shown once.
    say(world, gus, gus_ann, "by way of fay", id=2, prev=1)
    need(asked(world, fay, fay_ann, HOLD, good) == DELIVERED, "again")
    world.never(lambda: ann.find(event="message"), "once", 0.2)


def ann_passes_on(world):
    """fay explodes: ann checks the ticket and passes the record on to gus, in 1,200 bytes; the ticket serves once"""
    ann, fay, gus = world.program("ann"), world.node("fay"), world.node("gus")
    friends(world, ann, gus)
    peer = friends(world, ann, fay)
    explode = introductions.ask(fay, ann.sid, EXPLODE, targets=gus.sid)
    wrong = introductions.ask(fay, gus.sid, EXPLODE, targets=gus.sid)
    need(asked(world, fay, peer, PING, wrong) == UNKNOWN, "a ticket for another introducer")
    explode = introductions.ask(fay, ann.sid, EXPLODE, targets=gus.sid)
    need(asked(world, fay, peer, PING, explode) == DELIVERED, "ann obeys")
    world.until(lambda: got(gus, PING), "gus should hear of it")
    g = next(g for g in got(gus, PING) if g.body.scope == EXPLODE)
    p = g.body
    need(g.size == packets.LARGEST, "it fills its datagram")
    need((p.by, p.session, p.record, p.targets) == (ann.sid, fay.sid, fay.record, b""), "fay's record, by ann")
    need(packets.addr(*fay.at) in p.addrs, "and where ann sees fay")
    need(introductions.ticket_is_right(p, ann.sid) and p.ticket == explode.ticket, "with fay's ticket")
    need(asked(world, fay, peer, PING, explode) == DELIVERED, "the same ticket is answered as before")
    world.never(lambda: len([g for g in got(gus, PING) if g.body.scope == EXPLODE]) > 1, "a ticket serves once", 0.2)


def fay_passes_on(world):
    """ann explodes: fay is given a ticket and targets, and passes on; what hal asked of fay makes ann call hal, whom ann knows"""
    ann, fay, gus, hal = world.program("ann"), world.node("fay"), world.node("gus"), world.node("hal")
    fay.circle.put(fay.learn(gus.record).record, gus.record)
    hal_ann = friends(world, ann, hal)
    hal.forget(hal_ann)
    fay_ann = friends(world, ann, fay)
    fay.circle.put(fay_ann.record, fay_ann.bytes)
    ann.expect(event="heard", user="gus", via="fay")
    for n in (gus, hal):
        sending.dial(n, fay.at, None, world.clock())
        world.until(lambda: fay.sid in n.peers and n.peers[fay.sid].associations, f"{n.name} should reach fay")
    gus.knows.add(hal_ann.record.user)
    ann.type("\\explode")
    told = ann.expect(event="explode")
    need(told["neighbors"] >= 1 and told["reached"] >= 1, "fay obeyed")
    asked_of_fay = [g.body for g in got(fay, PING) if g.body.scope == EXPLODE]
    need(len(asked_of_fay) == 1 and asked_of_fay[0].targets == gus.sid, "gus is named, who is two edges away")
    need(introductions.ticket_is_right(asked_of_fay[0], fay.sid), "with a ticket for fay")
    world.until(lambda: ann.sid in gus.peers and gus.peers[ann.sid].associations, "gus knows ann, and calls")
    # And the other way: hal explodes at fay, who tells ann.
    explode = introductions.ask(hal, fay.sid, EXPLODE, targets=ann.sid)
    need(asked(world, hal, hal.peers[fay.sid], PING, explode) == DELIVERED, "fay obeys")
    world.until(lambda: hal_ann.associations, "ann should call hal")
    need(not hal_ann.best().called, "ann should be the caller")


STORIES = fay_holds, ann_holds, ann_is_brought, ann_passes_on, fay_passes_on
