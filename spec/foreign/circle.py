"""wire.md 5.7 and 5.8, theory.md 6: what a node tells of its neighbours, in pages."""
from digests import bits, differing
from messages import Page, Summary

WHOLE = 64  # summaries in a page


class Circle:
    """The neighbours that the node tells of. page: how many summaries a page has at most."""

    def __init__(self, page=WHOLE):
        self.page, self.entries = page, {}

    def put(self, r, b, state=None):
        """r: a record.Record, b: its bytes; state: the teller's own opinion."""
        self.entries[r.sid] = r, b, r.state if state is None else state

    def summaries(self, of=b""):
        """Of all, of one session, or of one user, in rising order."""
        return [Summary(sid, r.seq, state) for sid, (r, _, state) in sorted(self.entries.items()) if of in (b"", sid, r.user)]

    def pages(self, id, request):
        """The answer to requestUserList `id`."""
        told = self.summaries(request.of)
        rest, ext = [s for s in told if s.sid > request.cursor], b""
        if request.of == b"" and len(request.digest) == 120:
            differ = differing(request.digest, told)
            rest, ext = [s for s in rest if s.sid[0] >> 4 in differ], bits(differ)
        size = min(self.page, 2) if request.of else self.page
        pages = []
        while len(pages) < request.credit and (rest or not pages):
            page, rest = rest[:size], rest[size:]
            records = [self.entries[s.sid][1] for s in page] if request.of else []
            pages.append(Page(id, page, records, page[-1].sid if rest else b"", len(told), ext))
        return pages
