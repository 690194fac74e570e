"""Steps that several stories share."""
import sending
from live import Failed


def need(ok, why):
    if not ok:
        raise Failed(why)


def call(world, node, at, want=None):
    """node calls the program at this address, which answers. Returns what it knows of the session there."""
    before = set(node.associations)
    sending.dial(node, at, want, world.clock())
    world.until(lambda: set(node.associations) - before, f"{node.name} should be answered by {at}")
    made = max(node.associations.values(), key=lambda a: a.made)
    return next(p for p in node.peers.values() if made in p.associations)


def friends(world, program, node):
    """node calls, and the program's person lets it in; node's person knows theirs. Returns the program as node's peer."""
    peer = call(world, node, program.at)
    node.knows.add(peer.record.user)
    program.expect(event="online", user=node.name)
    program.type(f"\\accept {node.name}")
    program.expect(event="accept", user=node.name)
    return peer


def say(world, node, peer, line, **more):
    """Sends a text and waits until it is delivered."""
    out = sending.text(node, peer, line, world.clock(), **more)
    delivered(world, out)
    return out


def delivered(world, out):
    world.until(lambda: out.result == 0, f"text {out.id} should be delivered")


def texts(peer):
    return [line.text for line in peer.inbox.lines]


def reads(world, peer, *lines):
    world.until(lambda: texts(peer)[-len(lines):] == list(lines), f"{lines} should come")


def stats(program):
    program.type("\\stats")
    return program.expect(event="stats")["stats"]


def got(node, kind, since=0):
    """The messages of a kind that came, after the first `since` of any."""
    return [g for g in node.got[since:] if g.kind == kind]
