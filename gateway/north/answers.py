"""What was answered to which request: a request that comes again is answered from here, also after a restart.

A request that changes something is noted before it is obeyed. One that was noted and has no answer was cut by the end
of the gateway: nobody knows what came of it, and it is not obeyed again.
"""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping

import orjson

log = logging.getLogger(__name__)

ANSWER = "answer/"
"""Answers are kept in the store under this, their verb and the request's id."""

REMEMBERED, REMEMBERED_BYTES = 500, 1_000_000
"""Answers kept; the oldest goes first."""

LONGEST_KEPT = 4_000
"""Bytes of an answer that outlives the gateway."""

DISK_S = 2.0
"""How long the disk may take to note a request, before it is obeyed all the same."""

CUT = "was being obeyed when the gateway stopped: what came of it is unknown. Look, and ask with another id"
TOO_LONG = "the answer was too long to outlive a restart"

Key = tuple[str, str]
"""A verb, and the id of a request."""


async def _no_disk() -> None:
    return


class Answers:
    """Answers by request, the newest `REMEMBERED`."""

    def __init__(
        self,
        saved: Mapping[str, object] | None = None,
        keep: Callable[[Mapping[str, object | None]], None] = lambda _items: None,
        flush: Callable[[], Awaitable[None]] = _no_disk,
    ) -> None:
        """`keep` hands items of state to the store, `flush` returns when they are on disk."""
        self._keep, self._flush = keep, flush
        self._known: OrderedDict[Key, bytes | None] = OrderedDict()  # None: noted, and no answer yet
        self._bytes = 0
        rows = [
            (row["at"], key, row["answer"])
            for key, row in (saved or {}).items()
            if key.startswith(ANSWER) and isinstance(row, dict)
        ]
        for at, key, answer in sorted(rows, key=lambda row: (row[0], row[1])):
            verb, _, request = key.removeprefix(ANSWER).partition("/")
            body = {"id": request, "verb": verb, "at": at, "ok": False, "error": CUT} if answer is None else answer
            self._remember((verb, request), orjson.dumps(body))

    def get(self, key: Key) -> bytes | None:
        """The answer that was given."""
        return self._known.get(key)

    async def begin(self, key: Key, at: str) -> bool:
        """Note that a request is about to be obeyed; False when the disk did not take the note in time."""
        self._remember(key, None)
        return await self._put(key, at, None)

    async def end(self, key: Key, at: str, answer: Mapping[str, object], *, wait: bool) -> bytes:
        """Keep an answer, and give it as it is sent; `wait`: until it is on disk."""
        said = orjson.dumps(answer, default=str)
        self._remember(key, said)
        kept = orjson.loads(said) if len(said) <= LONGEST_KEPT else {**answer, "result": None, "says": TOO_LONG}
        if wait:
            await self._put(key, at, kept)
        else:
            self._keep({_name(key): {"at": at, "answer": kept}})
        return said

    async def _put(self, key: Key, at: str, answer: object) -> bool:
        self._keep({_name(key): {"at": at, "answer": answer}})
        try:
            async with asyncio.timeout(DISK_S):
                await self._flush()
        except TimeoutError:
            log.warning("command %s %s: not on disk after %.0f s", *key, DISK_S)
            return False
        return True

    def _remember(self, key: Key, said: bytes | None) -> None:
        self._bytes += len(said or b"") - len(self._known.pop(key, None) or b"")
        self._known[key] = said
        while len(self._known) > REMEMBERED or self._bytes > REMEMBERED_BYTES:
            gone, was = self._known.popitem(last=False)
            self._bytes -= len(was or b"")
            self._keep({_name(gone): None})


def _name(key: Key) -> str:
    return f"{ANSWER}{key[0]}/{key[1]}"
