"""Handshakes in both roles; keys that are wrong, lost or new; paths that move."""
import calls
import packets
import record
import sending
from acts import call, delivered, friends, got, need, reads, say, stats, texts
from messages import GONE, OFFLINE, PING, TEXT
from packets import ACCEPT, CHALLENGE, HANDSHAKE, HELLO
from strict import encode


def it_calls(world):
    """HELLO, CHALLENGE, HANDSHAKE, ACCEPT as the caller; text both ways, acknowledged"""
    ann, fay = world.program("ann"), world.node("fay")
    peer = call(world, fay, ann.at)
    need(peer.sid == ann.sid and peer.record.name == "ann" and peer.record.state == 0, "ann's record")
    need(peer.record.fingerprint() == ann.fingerprint, "ann's fingerprint")
    ann.expect(event="online", user="fay", session=fay.sid.hex())
    say(world, fay, peer, "hello from afar")
    ann.expect(event="message", **{"from": "fay"}, text="hello from afar", trust="new")
    ann.type("\\chat fay")
    ann.type("hello yourself: äöü €")
    reads(world, peer, "hello yourself: äöü €")
    ann.expect(event="delivery", to="fay", state="delivered", acked=1, sessions=1)


def it_is_called(world):
    """the same as the answerer: what ann pings is a node of this folder"""
    ann, fay = world.program("ann"), world.node("fay")
    ann.type(f"\\ping 127.0.0.1 {fay.at[1]}")
    pong = ann.expect(event="pong", user="fay")
    need(pong["session"] == fay.sid.hex() and pong["path"] == "direct", "pong")
    peer = fay.peers[ann.sid]
    need(not peer.best().called, "fay was the answerer")
    need(all(m.kind != TEXT for m in fay.got), "no text before ann knows who answers")
    ann.type("\\chat fay")
    ann.type("first")
    reads(world, peer, "first")
    ann.expect(event="delivery", to="fay", state="delivered")
    say(world, fay, peer, "second")
    ann.expect(event="message", text="second", trust="pinned")


def both_call(world):
    """both call at once: two exchanges, and both send on the same keys after a moment"""
    ann, fay = world.program("ann"), world.node("fay")
    # Two CHALLENGEs are held back until both have said HELLO.
    held = []
    fay.passes = lambda source, b: b[1] != CHALLENGE or held.append((b, source))
    sending.dial(fay, ann.at, None, world.clock())
    world.until(lambda: held, "ann should challenge fay")
    ann.type(f"\\ping 127.0.0.1 {fay.at[1]}")
    world.until(lambda: fay.associations, "ann's call should be answered")
    fay.passes = lambda source, b: True
    fay.receive(*held[0], world.clock())
    ann.expect(event="pong", user="fay")
    world.until(lambda: len(fay.associations) == 2, "and fay's")
    peer = fay.peers[ann.sid]
    say(world, fay, peer, "one of two")
    ann.expect(event="message", text="one of two")
    ann.type("\\chat fay")
    ann.type("and back")
    reads(world, peer, "and back")


def refusals_of_ann(world):
    """a wrong cookie, Noise, record, padding: no answer, and the reason is counted; a HANDSHAKE said again: the same ACCEPT"""
    ann, fay, gus = world.program("ann"), world.node("fay"), world.node("gus")
    before = stats(ann)
    said, heard = [], []
    fay.send = lambda source, b, now: said.append(b)  # its datagrams go out by hand
    fay.passes = lambda source, b: heard.append(b) is not None or b[1] == CHALLENGE

    def shake(own_record):
        fay.dials.clear()
        said.clear()
        fay.record = own_record
        sending.dial(fay, ann.at, None, world.clock())
        fay.socket.sendto(said.pop(), ann.at)
        world.until(lambda: any(b[1] == HANDSHAKE for b in said), "ann should challenge fay")
        return next(b for b in said if b[1] == HANDSHAKE)

    own = fay.record
    fay.socket.sendto(encode([17, bytes(12), bytes(94) + b"\x01"]), ann.at)
    right = packets.read(shake(own))
    fay.socket.sendto(encode(right[:3] + [bytes(16), right[4]]), ann.at)
    fay.socket.sendto(encode(right[:4] + [right[4][:-1] + bytes([right[4][-1] ^ 1])]), ann.at)
    fay.socket.sendto(shake(gus.record), ann.at)
    world.never(lambda: any(b[1] == ACCEPT for b in heard), "none of these is accepted")
    after = stats(ann)
    for reason in ("shape", "cookie", "noise", "record"):
        need(after.get("dropped_" + reason, 0) > before.get("dropped_" + reason, 0), f"ann should count it as {reason}")
    good = shake(own)
    for n in (1, 2):
        fay.socket.sendto(good, ann.at)
        world.until(lambda: sum(b[1] == ACCEPT for b in heard) >= n, f"{n} ACCEPTs")
    need(len({b for b in heard if b[1] == ACCEPT}) == 1, "byte for byte the same")


def refusals_by_ann_calling(world):
    """ann calls: an ACCEPT with somebody else's record, then a CHALLENGE with another key where fay is expected, lead to nothing"""
    ann, fay, gus = world.program("ann"), world.node("fay"), world.node("gus")
    own, fay.record = fay.record, gus.record
    ann.type(f"\\ping 127.0.0.1 {fay.at[1]}")
    ann.expect(event="error")
    need(not ann.find(event="online"), "nobody is online by a stolen record")
    need(stats(ann)["dropped_record"] > 0, "ann should count it")
    fay.forget(fay.peers[ann.sid])
    fay.record = own
    peer = friends(world, ann, fay)
    ann.type("\\chat fay")
    # Now somebody else sits at fay's address: fay's keys are gone, and the CHALLENGE shows another session key.
    fay.forget(peer)
    mine, fay.answerer = fay.answerer, calls.Answerer(gus.static, fay.random)
    ann.type("for fay alone, and long enough for its DATA to be challenged by whoever forgot the keys")
    world.until(lambda: stats(ann).get("dropped_key", 0) > 0, "ann should refuse the key")
    need(not fay.associations and not texts(peer), "no text goes to another key")
    fay.answerer = mine
    reads(world, peer, "for fay alone, and long enough for its DATA to be challenged by whoever forgot the keys")


def lost_keys(world):
    """each side forgets its keys, ann by kill -9: the next text is challenged, and comes in the HANDSHAKE"""
    ann, fay = world.program("ann"), world.node("fay")
    peer = friends(world, ann, fay)
    ann.type("\\chat fay")
    fay.forget(peer)
    ann.type("what fay cannot read at first, since it has lost the keys for it; " + "x" * 40)
    world.until(lambda: got(fay, TEXT), "the text should come")
    need(not peer.best().called and got(fay, TEXT)[0].in_handshake, "in ann's HANDSHAKE")
    ann.expect(event="delivery", state="delivered")
    ann.kill()
    fay.passes = lambda source, b: b[1] != HELLO  # ann calls friends at the start; here fay is faster
    ann = world.program("ann", port=ann.at[1], state=ann.state)
    old = set(fay.associations)
    line = "what ann cannot read at first, since ann was killed; " + "y" * 60
    say(world, fay, peer, line)
    need(set(fay.associations) - old, "fay should have called")
    ann.expect(event="message", text=line)


def rekey(world):
    """new keys while the old ones work: what comes next is under the new, and the old still open what is on its way"""
    ann, fay = world.program("ann"), world.node("fay")
    peer = friends(world, ann, fay)
    say(world, fay, peer, "under the first keys")
    old = peer.best()
    call(world, fay, ann.at, peer.static)
    new = peer.best()
    need(new is not old and len(peer.associations) == 2, "two associations")
    say(world, fay, peer, "under the second keys")
    heard = old.highest, new.highest
    ann.type("\\chat fay")
    ann.type("under the newest")
    reads(world, peer, "under the newest")
    need(old.highest == heard[0] and new.highest > heard[1], "ann sends under the newest keys of who calls again")
    peer.associations = [old]
    out = sending.text(fay, peer, "late, under the first keys", world.clock())
    peer.associations = [old, new]
    delivered(world, out)
    ann.expect(event="message", text="late, under the first keys")


def rekey_after_many(world):
    """2^20 datagrams are used up, in ann's direction and in fay's: who uses the keys next calls for new ones"""
    ann, fay = world.program("ann"), world.node("fay")
    peer = friends(world, ann, fay)
    first = peer.best()
    first.counter = 2**20  # numbers may be left out, and are what is counted
    say(world, fay, peer, "by nearly used up keys")
    world.until(lambda: len(peer.associations) > 1, "fay should call")
    second = peer.best()
    need(second.called and second is not first, "for new keys")
    say(world, fay, peer, "by new keys")
    # Now it is ann's turn: fay does not call, and ann, who was called, waits for an eighth more.
    second.counter, second.renewed = 2**20 + 2**17, world.clock()
    made = set(fay.associations)
    say(world, fay, peer, "by nearly used up keys again")
    ann.type("\\chat fay")
    ann.type("so I call")
    reads(world, peer, "so I call")
    world.until(lambda: set(fay.associations) - made, "ann should call")
    need(not fay.associations[(set(fay.associations) - made).pop()].called, "ann did")
    ann.type("under ann's keys")
    reads(world, peer, "under ann's keys")


def it_moves(world):
    """its address changes: ann challenges the new one by a smaller probe, and sends there when that is answered"""
    ann, fay = world.program("ann"), world.node("fay")
    peer = friends(world, ann, fay)
    was = fay.at
    say(world, fay, peer, "from the first address")
    world.move(fay)
    need(fay.at != was, "another port")
    seen = []
    fay.passes = lambda source, b: seen.append(len(b)) is None
    say(world, fay, peer, "it moved")
    challenge = next(g for g in got(fay, PING) if g.id > 65535)
    need(seen[0] == challenge.size and seen[0] < 101, "a path challenge comes first")
    ann.type("\\chat fay")
    ann.type("to the second address")
    reads(world, peer, "to the second address")
    ann.type("\\sessions fay")


def nobody_else_moves(world):
    """a datagram that does not open moves nothing; who does not answer the path challenge gets nothing but probes"""
    ann, fay, gus = world.program("ann"), world.node("fay"), world.node("gus")
    peer = friends(world, ann, fay)
    say(world, fay, peer, "here")
    # gus is on the path: gus forwards what fay sends as if it came from gus, and cannot answer a probe.
    stolen = []
    gus.passes = lambda source, b: stolen.append(b) and False
    made = peer.best()
    gus.socket.sendto(made.seal([[7, 0, 0, [], [bytes(80)]]]), ann.at)
    world.until(lambda: stolen, "ann should challenge the path")
    ann.type("\\chat fay")
    ann.type("a text for fay, at the old address")
    reads(world, peer, "a text for fay, at the old address")
    need(len(stolen) <= 4 and all(len(b) < 101 for b in stolen), "to gus go at most four probes")


def ann_moves(world):
    """ann's address changes as a NAT changes it: fay challenges the new one, and ann answers"""
    ann, fay = world.program("ann"), world.node("fay")
    router = world.router(fay.at)
    ann.type(f"\\ping 127.0.0.1 {router.at[1]}")
    ann.expect(event="pong", user="fay")
    peer = fay.peers[ann.sid]
    was = peer.best().source
    need(was == router.mapping.getsockname(), "fay sees the router")
    ann.type("\\chat fay")
    ann.type("by the first mapping, and long enough that it may start a path challenge at once: " + "z" * 40)
    world.until(lambda: texts(peer), "fay should read it")
    router.rebind()
    ann.type("by the second mapping")
    world.until(lambda: len(texts(peer)) == 2, "fay should read that, too")
    ann.type("and once more")
    world.until(lambda: peer.best().source == router.mapping.getsockname(), "fay should follow")
    say(world, fay, peer, "to the second mapping")
    ann.expect(event="message", text="to the second mapping")


def goodbye(world):
    """each says goodbye by a record with state gone, forgets the keys, and comes back"""
    ann, fay = world.program("ann"), world.node("fay")
    peer = friends(world, ann, fay)
    fay.declare(GONE)
    bye = sending.tell(fay, peer, OFFLINE, [fay.record, b""], world.clock())
    world.until(lambda: bye.result == 0, "the goodbye should be acknowledged")
    ann.expect(event="offline", user="fay", reason="declared")
    fay.forget(peer)
    fay.declare(0)
    call(world, fay, ann.at, peer.static)
    ann.expect(event="online", user="fay", session=fay.sid.hex())
    say(world, fay, peer, "back again")
    ann.expect(event="message", text="back again")
    ann.quit()
    world.until(lambda: got(fay, OFFLINE), "ann should say goodbye")
    need(record.check(got(fay, OFFLINE)[0].body[0]).state == GONE and peer.record.state == GONE, "with a record that says gone")
    need(not peer.associations, "fay forgets the keys")
    ann = world.program("ann", port=ann.at[1], state=ann.state)
    ann.expect(event="online", user="fay")
    world.until(lambda: peer.record.state == 0 and peer.associations, "ann should call, unasked")
    need(not peer.best().called, "ann was the caller")


STORIES = (it_calls, it_is_called, both_call, refusals_of_ann, refusals_by_ann_calling, lost_keys, rekey, rekey_after_many,
           it_moves, nobody_else_moves, ann_moves, goodbye)
