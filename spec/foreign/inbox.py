"""theory.md 4.2 to 4.4: texts of one session in order, once, and lines put together from parts."""
from collections import namedtuple

from messages import DELIVERED, GAP, TOO_OLD

Line = namedtuple("Line", "sender id text late via")  # via: the session that brought a held copy, or None


class Inbox:
    def __init__(self, sender):
        self.sender, self.have, self.taken, self.held = sender, 0, set(), {}
        self.parts, self.lines, self.duplicates = {}, [], 0

    def take(self, id, text, via=None):
        """[(id, result)]: for this text, and for those that waited for it."""
        if id in self.taken:
            self.duplicates += 1
            return [(id, DELIVERED)]
        if id <= self.have:
            return [(id, TOO_OLD)]
        self.held[id] = text, via
        answers = []
        while ready := sorted(i for i, (t, _) in self.held.items() if t.prev <= self.have):
            self.record(ready[0], *self.held.pop(ready[0]))
            answers.append((ready[0], DELIVERED))
        return answers if (id, DELIVERED) in answers else [(id, GAP)] + answers

    def record(self, id, text, via):
        self.have = id
        self.taken.add(id)
        if id != max(self.parts, default=id - 1) + 1 or text.part == 0:
            self.parts = {}  # a line that its sender skips was taken back
        self.parts[id] = text.text
        if text.part == text.parts - 1:
            if len(self.parts) == text.parts:
                self.lines.append(Line(self.sender, id - text.part, "".join(self.parts.values()), text.late, via))
            self.parts = {}

    def forget(self):
        """Becomes a receiver that lost its memory: it has taken nothing."""
        self.have, self.taken, self.held, self.parts = 0, set(), {}, {}
