"""With a real seed in between, which introduces and relays."""
import introductions
import packets
import sending
from acts import call, got, need, reads, say, stats
from introductions import ALL_MAY_MEET
from messages import DELIVERED, FIND, PING, RELAY, TEXT, UNKNOWN
from packets import Through


def scene(world, fay_flags=0, *more):
    """A seed, ann who named it, and fay who reached it. Returns them, and the seed as fay's peer."""
    seed = world.program("seed", "-s")
    ann = world.program("ann", "-sip", "127.0.0.1", "-sp", str(seed.at[1]), *more)
    fay = world.node("fay", flags=fay_flags)
    ann.expect(event="online", user="seed")
    at_seed = call(world, fay, seed.at)
    need(at_seed.record.flags & 3 == 3, "the seed is one, and relays")
    return seed, ann, fay, at_seed


def behind_a_wall(node, *open_to):
    """Only datagrams from these addresses pass."""
    node.passes = lambda source, b: isinstance(source, Through) or source in open_to


def find(world, fay, seed, name):
    out = sending.tell(fay, seed, PING, introductions.ask(fay, seed.sid, FIND, name=name), world.clock())
    world.until(lambda: out.result is not None or out.given_up, "the find should be answered")
    return out.result


def halves(node):
    return [g for g in got(node, PING) if g.body.by]


def fay_finds(world):
    """fay asks the seed for ann, who meets anybody: both halves in 1,200 bytes, a HELLO from each, and text"""
    seed, ann, fay, at_seed = scene(world, 0, "-intro", "all")
    need(find(world, fay, at_seed, "nobody") == UNKNOWN, "who is not here is unknown")
    need(find(world, fay, at_seed, "ann") == DELIVERED, "ann is introduced")
    world.until(lambda: halves(fay), "fay's half should come")
    half = halves(fay)[0]
    need(half.size == packets.LARGEST, "it fills its datagram")
    need(half.body.by == seed.sid and half.body.session == ann.sid, "by the seed, of ann")
    need(packets.addr(*ann.at) in half.body.addrs, "where the seed verified ann")
    world.until(lambda: ann.sid in fay.peers and fay.peers[ann.sid].associations, "they should meet")
    ann.expect(event="online", user="fay")
    peer = fay.peers[ann.sid]
    say(world, fay, peer, "found you")
    ann.expect(event="message", text="found you")


def small_finds(world):
    """a find in a smaller datagram is dropped as a whole: not answered, not obeyed, and counted"""
    seed, ann, fay, at_seed = scene(world, 0, "-intro", "all")
    made = at_seed.best()
    ping = introductions.ask(fay, seed.sid, FIND, name="ann")
    sent = [[PING, 77, 1, [], list(ping)]]
    before = len(fay.got)
    for size in (made.size(sent), 1100, 1199):
        padded = sent + [[7, 0, 0, [], [bytes(size - made.size(sent) - 12)]]] if size > made.size(sent) + 12 else sent
        need(made.size(padded) < packets.LARGEST, "small")
        fay.send(made.source, made.seal(padded), world.clock())
    world.never(lambda: halves(fay) or any(a.id == 77 for g in fay.got[before:] for a in g.acks), "neither obeyed nor answered")
    need(stats(seed)["dropped_short"] == 3, "each is counted")
    need(find(world, fay, at_seed, "ann") == DELIVERED, "the next right one is obeyed")


def fay_knocks(world):
    """ann lets nobody be introduced at once: ann is told who asks, agrees, and the seed brings them together"""
    seed, ann, fay, at_seed = scene(world)
    need(find(world, fay, at_seed, "ann") == UNKNOWN, "who is told of fay does not differ from who is not here")
    told = ann.expect(event="knock", user="fay")
    need(told["fingerprint"] == fay.fingerprint() and told["via"] == "seed", "by name and fingerprint")
    ann.type("\\accept fay")
    world.until(lambda: halves(fay), "ann asks for fay, and both are introduced")
    half = halves(fay)[0].body
    need(half.name == "ann" and fay.tickets.get(half.ticket[0]) == ("ann", b""), "with fay's own ticket")
    ann.expect(event="online", user="fay")
    world.until(lambda: fay.peers[ann.sid].associations, "they should meet")


def ann_finds(world):
    """ann adds fay, who meets anybody: fay checks ann's ticket, and calls"""
    seed, ann, fay, at_seed = scene(world, ALL_MAY_MEET)
    ann.type("\\add fay")
    ann.expect(event="online", user="fay", trust="pinned")
    half = halves(fay)[0]
    need(half.size == packets.LARGEST and half.body.by == seed.sid and half.body.name == "fay", "a forwarded half")
    need(introductions.ticket_is_right(half.body, seed.sid), "with ann's ticket")
    world.until(lambda: fay.peers[ann.sid].associations, "they should meet")
    ann.type("\\chat fay")
    ann.type("found you")
    reads(world, fay.peers[ann.sid], "found you")


def relayed(world):
    """only the seed reaches fay: ann and fay shake hands through it, and text goes both ways; who did not meet fay is not carried"""
    seed, ann, fay, at_seed = scene(world, ALL_MAY_MEET)
    behind_a_wall(fay, seed.at)
    ann.type("\\add fay")
    ann.expect(event="online", user="fay")
    world.until(lambda: ann.sid in fay.peers and fay.peers[ann.sid].associations, "fay should meet ann through the relay")
    peer = fay.peers[ann.sid]
    need(all(isinstance(a.source, Through) for a in peer.associations), "by the relay alone")
    ann.type("\\chat fay")
    ann.type("through the seed")
    reads(world, peer, "through the seed")
    ann.expect(event="delivery", state="delivered")
    say(world, fay, peer, "and back through it")
    ann.expect(event="message", text="and back through it")
    ann.type("\\net")
    way = next(w for w in ann.expect(event="net")["ways"] if w["user"] == "fay")
    need(way["path"] == "relay" and way["through"] == "seed", "ann says so, too")
    # A relay carries nothing between two sessions unless both have asked for it.
    gus = world.node("gus")
    gus_seed = call(world, gus, seed.at)
    sending.dial(gus, Through(gus_seed.sid, fay.sid), None, world.clock())
    world.never(lambda: any(g.body.session == gus.sid for g in got(fay, RELAY)), "gus did not meet fay")


def direct_again(world):
    """the wall falls: the direct path is used, the relay no longer"""
    seed, ann, fay, at_seed = scene(world, ALL_MAY_MEET)
    behind_a_wall(fay, seed.at)
    ann.type("\\add fay")
    ann.expect(event="online", user="fay")
    world.until(lambda: ann.sid in fay.peers and fay.peers[ann.sid].associations, "fay should meet ann through the relay")
    peer = fay.peers[ann.sid]
    fay.passes = lambda source, b: True
    call(world, fay, ann.at, peer.static)
    need(not isinstance(peer.best().source, Through), "a direct way goes before one by a relay")
    say(world, fay, peer, "directly")
    ann.expect(event="message", text="directly")
    ann.type("\\chat fay")
    ann.type("so do I")
    reads(world, peer, "so do I")
    need(got(fay, TEXT)[-1].source == ann.at, "ann's text came directly")


STORIES = fay_finds, small_finds, fay_knocks, ann_finds, relayed, direct_again
