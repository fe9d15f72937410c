"""What was answered to which request: a request that comes again is answered from here, also after a restart.

A request that changes something is noted before it is obeyed. One that was noted and has no answer was cut by the end
of the gateway: nobody knows what came of it, and it is not obeyed again.
"""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping

import orjson

from gateway.slim import slim_json
from gateway.verbs import VOCABULARY, Changes

log = logging.getLogger(__name__)

ANSWER = "answer/"
"""Answers are kept in the store under this, their verb and the request's id."""

REMEMBERED, REMEMBERED_BYTES = 500, 1_000_000
"""Answers kept to requests that change something, and as many to those that do not: who looks often must not push out
what may not be obeyed twice. The oldest goes first; beyond these bytes the oldest are shortened."""

LONGEST_KEPT = 4_000
"""Bytes of an answer that outlives the gateway."""

DISK_S = 2.0
"""How long the disk may take to note a request, before it is obeyed all the same."""

CUT = "was being obeyed when the gateway stopped: what came of it is unknown. Look, and ask with another id"
TOO_LONG = "the answer was too long to be kept"

BY = "\n"
"""Between an operator and an id of his; no id holds one."""

Key = tuple[str, str]
"""A verb, and the id of a request, behind the operator where one has signed: each has ids of his own."""


def key_of(verb: str, operator: str, request: str) -> Key:
    """Under what an answer is kept."""
    return verb, f"{operator}{BY}{request}" if operator else request


_Pool = OrderedDict[Key, bytes | None]
"""Answers, the oldest first; None: noted, and no answer yet."""


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
        self._pools: tuple[_Pool, _Pool] = (OrderedDict(), OrderedDict())
        self._long: OrderedDict[Key, int] = OrderedDict()  # answers that may be shortened, with their bytes
        rows = [
            (row["at"], key, row["answer"])
            for key, row in (saved or {}).items()
            if key.startswith(ANSWER) and isinstance(row, dict)
        ]
        for at, key, answer in sorted(rows, key=lambda row: (row[0], row[1])):
            verb, _, request = key.removeprefix(ANSWER).partition("/")
            name = request.rpartition(BY)[2]
            body = {"id": name, "verb": verb, "at": at, "ok": False, "error": CUT} if answer is None else answer
            if verb in VOCABULARY:  # of this version
                self._remember((verb, request), slim_json(body))

    def get(self, key: Key) -> bytes | None:
        """The answer that was given."""
        return self._pool(key).get(key)

    async def begin(self, key: Key, at: float) -> bool:
        """Note that a request is about to be obeyed; False when the disk did not take the note in time."""
        self._remember(key, None)
        return await self._put(key, at, None)

    async def end(self, key: Key, at: float, answer: Mapping[str, object], *, wait: bool) -> bytes:
        """Keep an answer, and give it as it is sent; `wait`: until it is on disk."""
        said = orjson.dumps(answer, default=str)
        self._remember(key, said)
        kept = orjson.loads(said) if len(said) <= LONGEST_KEPT else _short(answer)
        if wait:
            await self._put(key, at, kept)
        else:
            self._keep({_name(key): {"at": at, "answer": kept}})
        return said

    async def _put(self, key: Key, at: float, answer: object) -> bool:
        self._keep({_name(key): {"at": at, "answer": answer}})
        try:
            async with asyncio.timeout(DISK_S):
                await self._flush()
        except TimeoutError:
            log.warning("command %s %s: not on disk after %.0f s", *key, DISK_S)
            return False
        return True

    def _remember(self, key: Key, said: bytes | None) -> None:
        pool = self._pool(key)
        pool[key] = said
        pool.move_to_end(key)
        if said is not None and len(said) > LONGEST_KEPT:
            self._long[key] = len(said)
        while len(pool) > REMEMBERED:
            gone, _ = pool.popitem(last=False)
            self._long.pop(gone, None)
            self._keep({_name(gone): None})
        while sum(self._long.values()) > REMEMBERED_BYTES:
            long, _ = self._long.popitem(last=False)
            self._pool(long)[long] = slim_json(_short(orjson.loads(self._pool(long)[long] or b"{}")))

    def _pool(self, key: Key) -> _Pool:
        return self._pools[VOCABULARY[key[0]].changes is not Changes.NOTHING]


def _short(answer: Mapping[str, object]) -> Mapping[str, object]:
    """What is left of an answer that is too long."""
    return {**answer, "result": None, "says": TOO_LONG}


def _name(key: Key) -> str:
    return f"{ANSWER}{key[0]}/{key[1]}"
