"""What the store was given and the disk has not got yet: numbered, in order, and bounded. No file and no clock."""

from collections.abc import Callable, Iterable, Iterator, Mapping

from gateway.slim import slim_json
from gateway.store.rows import Aside, Batch, Draft, Row, Stream

MOST = 20_000
"""Rows that memory holds while the disk takes nothing: some 10 MB."""

State = Mapping[str, object | None]
"""Items of state that changed; None: forget the item."""


class Unwritten:
    """The batch that is being written, if any, and what came since."""

    def __init__(self) -> None:
        self.next = dict.fromkeys(Stream, 1)  # number of the next row
        self._waiting, self._writing = Batch(), Batch()
        self._tellers: dict[Callable[[], State], None] = {}  # who has to be asked what changed, in this order

    def __len__(self) -> int:
        return len(self._waiting) + len(self._writing)

    def add(self, drafts: Iterable[Draft]) -> bool:
        """Take rows and number them; whether there is an event among them."""
        urgent = False
        for draft in drafts:
            number = self.next[draft.stream]
            self.next[draft.stream] = number + 1
            self._waiting.rows[draft.stream].append(Row(number, draft.at, draft.key, draft.body))
            urgent |= draft.stream is Stream.EVENT
        return urgent

    def change(self, state: State | Callable[[], State]) -> None:
        """Take changes of state; a function is asked for them when a batch begins, however often it was given."""
        if callable(state):
            self._tellers[state] = None
            return
        for key, value in state.items():
            self._waiting.state[key] = None if value is None else slim_json(value)

    def confirm(self, pending: Mapping[tuple[str, Stream], str]) -> None:
        """Take what sinks wait for now, by sink and stream: encoded ranges."""
        self._waiting.pending |= pending

    def set_aside(self, item: Aside) -> None:
        """Take what a sink can never deliver."""
        self._waiting.aside.append(item)

    def begin(self) -> Batch:
        """All of it, to be written now. `written` or `put_back` follows."""
        for tell in self._tellers:
            self.change(tell())
        self._tellers.clear()
        self._writing, self._waiting = self._waiting, Batch()
        return self._writing

    def written(self) -> None:
        """The batch is on disk."""
        self._writing = Batch()

    def put_back(self) -> None:
        """The batch was not written: it goes in front of what came since."""
        self._waiting, self._writing = self._writing.followed_by(self._waiting), Batch()

    def follow(self, whole: Batch) -> None:
        """Put a batch in front of all."""
        self._waiting = whole.followed_by(self._waiting)

    def shed(self, most: int = MOST) -> Iterator[tuple[Stream, int]]:
        """Throw away what is more than so many rows, the oldest of the least important first; stream and number."""
        for stream in (Stream.BACKFILL, Stream.LIVE, Stream.EVENT):
            surplus = max(0, len(self._waiting) - most)
            for row in self._waiting.rows[stream][:surplus]:
                yield stream, row.id
            del self._waiting.rows[stream][:surplus]

    def rows(self, stream: Stream) -> list[Row]:
        """The rows of a stream, the oldest first."""
        return self._writing.rows[stream] + self._waiting.rows[stream]
