"""A small node: one socket, one session. What it does with messages is in talk.py, what goes out and again in sending.py.

Time is a monotonic clock in seconds and comes with each call; random(n) gives n bytes. It blocks for nobody: whoever runs it calls
readable when its socket is, and tick now and then. It remembers all that it heard, for the stories: a node for people has a bound for
each table, and somebody who pays for it (theory.md 11).
"""
import socket
import time
from collections import Counter

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

import calls
import noise_ix as nx
import packets
import record
import sending
import signing
import talk
from association import best
from inbox import Inbox
from circle import Circle
from messages import ACK, PLAIN_PROBE, Message, check, must_be_paid
from packets import ACCEPT, CHALLENGE, DATA, HANDSHAKE, HELLO, THROUGH_RELAY, Through, origin
from strict import Wrong


class Peer:
    """What a node knows of another session."""

    def __init__(self, sid):
        self.sid, self.record, self.bytes, self.static = sid, None, b"", None
        self.associations, self.out, self.owed, self.inbox = [], {}, [], Inbox(sid)
        self.source = None  # where to call it
        self.candidate = None  # (source, probe id, when): theory.md 2.5
        self.before = 0  # the id of the last text to it

    def best(self):
        """theory.md 2.7: a direct association that the peer confirmed, else one through a relay, else any."""
        direct = [a for a in self.associations if not isinstance(a.source, Through)]
        return best([a for a in direct if a.confirmed]) or best([a for a in self.associations if a not in direct]) or best(direct)


class Node:
    def __init__(self, name, random, trace=lambda *_: None, flags=0, holds=True):
        self.name, self.random, self.trace, self.flags = name, random, trace, flags
        self.user = Ed25519PrivateKey.from_private_bytes(random(32))
        self.user_key = signing.public(self.user)
        self.static = nx.private(random(32))
        self.hold = nx.private(random(32)) if holds else None
        self.sid = signing.sid(self.user_key, nx.public(self.static))
        self.socket, self.old_sockets = None, []
        self.open_socket()
        self.seq = self.milliseconds()
        self.declare(0)
        self.answerer = calls.Answerer(self.static, random)
        self.peers, self.associations, self.dials = {}, {}, []
        self.next_id, self.next_text, self.probe_id = int.from_bytes(random(4), "big"), 1, 0
        self.ticket_number, self.tickets, self.highest_ticket, self.passed_on = 0, {}, {}, {}
        self.circle, self.news = Circle(), []
        self.knows, self.copies, self.receipts = set(), {}, []  # user keys; what is kept for others; signed words that came
        self.got, self.dropped = [], Counter()
        # What a story may bend: which datagrams pass (source, bytes), and how a message is answered (talk.SILENT: not at all).
        self.passes = lambda source, b: True
        self.judge = lambda peer, message: None

    # ---- who this is, and where

    def open_socket(self):
        """A socket at a new port: so the node moves."""
        if self.socket:
            self.old_sockets.append(self.socket)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.setblocking(False)
        self.at = self.socket.getsockname()

    def declare(self, state):
        """A new record."""
        self.seq += 1
        self.state = state
        hold = nx.public(self.hold) if self.hold else b""
        self.record = signing.record(self.user, nx.public(self.static), self.seq, self.name, state, [[0, packets.addr(*self.at)]],
                                     self.flags, hold)

    @staticmethod
    def milliseconds():
        return int(time.time() * 1000)

    def fingerprint(self):
        return record.check(self.record).fingerprint()

    def peer(self, sid):
        return self.peers.setdefault(sid, Peer(sid))

    def learn(self, b):
        """A verified record, if it is newer than what is known. Returns its peer."""
        r = record.check(b)
        peer = self.peer(r.sid)
        if peer.record is None or r.seq > peer.record.seq:
            peer.record, peer.bytes, peer.static = r, b, r.static
        return peer

    def name_of(self, sid):
        peer = self.peers.get(sid)
        return peer.record.name if peer and peer.record else sid.hex()[:4]

    # ---- datagrams in

    def readable(self, now, which=None):
        while True:
            try:
                b, source = (which or self.socket).recvfrom(2048)
            except (BlockingIOError, OSError):
                return
            self.receive(b, source, now)

    def receive(self, b, source, now):
        if not self.passes(source, b):
            return
        try:
            packet = packets.read(b)
            self.trace(self, "<-", source, packet, b)
            {HELLO: self.on_hello, CHALLENGE: self.on_challenge, HANDSHAKE: self.on_handshake,
             ACCEPT: self.on_accept, DATA: self.on_data}[packet[0]](packet, b, source, now)
        except Wrong as wrong:
            self.dropped[str(wrong)] += 1
            self.trace(self, "--", source, str(wrong), b)
        sending.flush(self, now)

    def on_hello(self, packet, b, source, now):
        self.send(source, self.answerer.challenge(packet[1], origin(source), now), now)

    def on_challenge(self, packet, b, source, now):
        echo, s = packet[1], packet[4]
        dial = next((d for d in self.dials if d.echo == echo and d.source == source), None)
        if dial is None:
            # DATA that was not understood: its index and its counter (wire.md 2.3).
            index, counter = int.from_bytes(echo[:4], "big"), int.from_bytes(echo[4:], "big")
            lost = next((a for a in self.associations.values()
                         if a.peer_index == index and 1 <= counter <= a.counter and a.source == source), None)
            if lost is None or any(d.source == source for d in self.dials):
                raise Wrong("echo")
            if s != lost.static:
                raise Wrong("key")
            dial = sending.dial(self, source, lost.static, now, echo)
        sending.shake(self, dial, packet, now)

    def on_handshake(self, packet, b, source, now):
        opened = self.answerer.open(packet, source, origin(source), now)
        if isinstance(opened, bytes):
            self.send(source, opened, now)
            return
        r, record_bytes, have, messages, *_ = opened
        peer = self.learn(record_bytes)
        for m in messages + [f"declared by {peer.record.name}"]:
            self.trace(self, "  ", source, m, b)
        answers = [a for m in messages for a in talk.treat(self, peer, m, source, len(b), now, in_handshake=True)]
        own = b"" if have == self.seq else self.record
        accepted = [Message(ACK, 0, 0, answers, [b""])] if answers else []
        made, said = self.answerer.accept(packet, self.new_index(), source, opened, own, accepted, now)
        made.allowance = 3 * len(b) - len(said)
        self.adopt(peer, made)
        self.send(source, said, now)

    def on_accept(self, packet, b, source, now):
        dial = next((d for d in self.dials if d.index == packet[1]), None)
        if dial is None:
            raise Wrong("index")
        made, r, record_bytes, messages = dial.finish(packet, now)
        peer = self.learn(record_bytes) if r else next(p for p in self.peers.values() if p.static == made.static)
        self.dials.remove(dial)
        self.adopt(peer, made)
        for m in messages:
            self.trace(self, "  ", source, m, b)
            peer.owed += talk.treat(self, peer, m, source, len(b), now)
        if not any(o.result is None for o in peer.out.values()):
            sending.once(self, peer, PLAIN_PROBE, now, made)  # so that the answerer knows that the ACCEPT arrived

    def on_data(self, packet, b, source, now):
        made = self.associations.get(packet[1])
        if made is None:
            if any(d.index == packet[1] and d.open for d in self.dials) or len(b) < packets.MAY_BE_CHALLENGED:
                raise Wrong("index")
            echo = packet[1].to_bytes(4, "big") + packet[2].to_bytes(8, "big")
            self.send(source, self.answerer.challenge(echo, origin(source), now), now)
            return
        plain, newest = made.open(packet, now)
        made.here = self.at
        messages = check(plain)
        must_be_paid(len(b), True, messages)
        peer = next(p for p in self.peers.values() if p.static == made.static)
        for m in messages:
            self.trace(self, "  ", source, m, b)
            peer.owed += talk.treat(self, peer, m, source, len(b), now)
        if newest and source != made.source and not isinstance(source, Through):
            sending.challenge_path(self, peer, made, source, len(b), now)

    # ---- datagrams out

    def send(self, source, b, now):
        if isinstance(source, Through):
            assert len(b) <= THROUGH_RELAY
            sending.relay(self, source, b, now)
            return
        self.trace(self, "->", source, packets.read(b), b)
        self.socket.sendto(b, source)

    def adopt(self, peer, made):
        peer.associations = (peer.associations + [made])[-4:]
        self.associations[made.own_index] = made
        made.here = self.at  # where it was heard
        peer.source = peer.source or made.source

    def forget(self, peer):
        """All keys with a session: a cache that may be emptied at any moment."""
        for a in peer.associations:
            self.associations.pop(a.own_index, None)
        peer.associations = []

    def new_index(self):
        while True:
            index = int.from_bytes(self.random(4), "big")
            if index and index not in self.associations and all(d.index != index for d in self.dials):
                return index

    def tick(self, now):
        sending.again(self, now)
        sending.flush(self, now)
