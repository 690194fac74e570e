"""wire.md 3.5, 3.6 and theory.md 2.2: keys with one session, sealing, the replay window, and which keys to send on."""
from cryptography.exceptions import InvalidTag

import noise_ix as nx
from packets import DATA
from strict import Wrong, decode, encode

WINDOW = 1024
BOTH_AT_ONCE = 10  # seconds
SILENT_AFTER = 1
RENEW, ERASE = 30 * 60, 60 * 60
RENEW_COUNT = 2**20


class Association:
    """static: the peer's session key. called: this side was the caller. Times are seconds of a monotonic clock."""

    def __init__(self, static, own_index, peer_index, send_key, read_key, handshake_hash, source, called, now):
        self.static, self.own_index, self.peer_index = static, own_index, peer_index
        self.send_key, self.read_key, self.hash = send_key, read_key, handshake_hash
        self.source, self.called, self.made, self.heard = source, called, now, now
        self.confirmed = called
        self.renewed = 0  # when new keys were asked for
        self.counter, self.highest, self.seen = 0, 0, set()

    def is_old(self, now):
        """theory.md 2.3: its next use calls for new keys."""
        age, count = (RENEW, RENEW_COUNT) if self.called else (RENEW + 60, RENEW_COUNT + RENEW_COUNT // 8)
        return now - self.made >= age or max(self.counter, self.highest) >= count

    def seal(self, messages):
        self.counter += 1
        head = [DATA, self.peer_index, self.counter]
        return encode(head + [nx.seal(self.send_key, self.counter, encode(head), encode(messages))])

    def size(self, messages):
        """The size of what seal would make of them."""
        return len(encode([DATA, self.peer_index, self.counter + 1, bytes(len(encode(messages)) + 16)]))

    def open(self, packet, now):
        """The plaintext, and whether this is the newest datagram so far; raises Wrong."""
        *head, sealed = packet
        counter = head[2]
        try:
            plain = nx.unseal(self.read_key, counter, encode(head), sealed)
        except InvalidTag:
            raise Wrong("seal")
        if counter in self.seen or counter + WINDOW <= self.highest:
            raise Wrong("replay")
        newest = counter > self.highest
        self.highest = max(self.highest, counter)
        self.seen = {c for c in self.seen if c + WINDOW > self.highest} | {counter}
        self.confirmed, self.heard = True, now
        try:
            return decode(plain), newest
        except ValueError:
            raise Wrong("payload")


def best(associations):
    """The association to send on: the newest of each direction, and of these two by the rule of theory.md 2.2."""
    newest = {}
    for a in sorted(associations, key=lambda a: a.made):
        newest[a.called] = a
    if len(newest) < 2:
        return next(iter(newest.values()), None)
    a, b = newest[True], newest[False]
    if abs(a.heard - b.heard) >= SILENT_AFTER:
        return max(a, b, key=lambda x: x.heard)
    if a.confirmed != b.confirmed:
        return a if a.confirmed else b
    if abs(a.made - b.made) < BOTH_AT_ONCE:
        return min(a, b, key=lambda x: x.hash)
    return max(a, b, key=lambda x: x.made)
