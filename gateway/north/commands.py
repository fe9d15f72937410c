"""Operators' requests: typed, answered once with the same id, refused with a sentence. No request may end the gateway.

A request is a JSON object on `cmd/{verb}`: `id`, the arguments of the verb, and `expires` (epoch seconds) if it must
not be obeyed late. The answer on `rsp/{verb}` has the same `id`, `ok`, and `result` or `error`. An id that was seen
before is answered from memory and not obeyed again.
"""

import asyncio
import logging
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from gateway.clock import Clock, iso
from gateway.north.answers import Answers, Key, key_of
from gateway.verbs import VOCABULARY, Changes, Do, RefusedRequestError, Request
from gateway.verbs.request import json_object

log = logging.getLogger(__name__)

LONGEST = 16_384
"""Bytes of a request; nobody needs more."""

AT_ONCE = 8
"""Requests that are being obeyed at a time; more are refused."""

BURST, A_SECOND = 50.0, 10.0
"""So many requests may come at once, and so many a second after that; who sends more is not listened to."""

QUIET_S = 600.0
"""A crowd that comes after so long a quiet is another one, and told again."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What stands in a request, and who was found to ask: the result of a check."""

    body: Mapping[str, Any]  # id, expires and the arguments of the verb; nothing of the check's own
    operator: str = ""  # '' when nobody had to prove who he is
    came_before: bool = False  # then it may be answered from memory, and is not obeyed


Check = Callable[[str, Mapping[str, Any]], Asked]
"""Finds out who asks: gets the verb and the object that came. Raises RefusedRequestError."""


def unchecked(_verb: str, body: Mapping[str, Any]) -> Asked:
    """Everybody whom the broker lets publish may ask."""
    return Asked(body)


@dataclass(slots=True)
class CommandsReport:
    """Requests so far, in numbers."""

    obeyed: int = 0
    refused: int = 0
    repeated: int = 0  # answered from memory
    unheard: int = 0  # came too fast, and were not even looked at
    running: int = 0


@dataclass(slots=True)
class _Pace:
    """How many requests may be listened to: a bucket that fills with time."""

    left: float = BURST
    at: float = 0.0  # monotonic

    def one_more(self, now: float) -> bool:
        self.left = min(BURST, self.left + (now - self.at) * A_SECOND)
        self.at = now
        if self.left < 1:
            return False
        self.left -= 1
        return True


@dataclass(slots=True)
class Commands:
    """Takes requests and gives answers; what a verb does is its function's own business."""

    verbs: Mapping[str, Do]
    clock: Clock
    check: Check = unchecked
    answers: Answers = field(default_factory=Answers)
    report: CommandsReport = field(default_factory=CommandsReport)
    _pace: _Pace = field(default_factory=_Pace)
    _crowded_at: float = -math.inf  # monotonic, when there was too much to listen to
    _running: dict[Key, "asyncio.Future[bytes]"] = field(default_factory=dict)

    def listens(self) -> bool:
        """Whether one more request may come now: a crowd of them is not worth a poll that is late."""
        now = self.clock.monotonic()
        if self._pace.one_more(now):
            return True
        if now - self._crowded_at > QUIET_S:
            log.warning("commands: more than %.0f a second; what is too much is not listened to", A_SECOND)
        self._crowded_at = now
        self.report.unheard += 1
        return False

    async def answer(
        self,
        verb: str,
        payload: bytes,
        within_s: float | None = None,
        progress: Callable[[bytes], None] = lambda _: None,
    ) -> bytes:
        """The answer to a request; never raises for anything that stands in one.

        `within_s`: how long it may still be obeyed, where the broker says so; `progress` gets what is said meanwhile.
        """
        body: Mapping[str, Any] = {}
        try:
            body = _object(payload)
            request, left_s, came_before = self._request(verb, body, within_s, progress)
            key = key_of(verb, request.operator, request.id)
            if key not in self._running and (known := self.answers.get(key)):
                self.report.repeated += 1
                return known
            if key in self._running:
                self.report.repeated += 1
            elif came_before:
                raise RefusedRequestError("came before, and its answer is forgotten: ask with another id")
            else:
                self._running[key] = asyncio.ensure_future(self._obey(key, request, left_s))
            return await asyncio.shield(self._running[key])
        except RefusedRequestError as error:
            self.report.refused += 1
            return orjson.dumps(self._said(body.get("id"), verb, {"ok": False, "error": str(error)}), default=str)

    def _request(
        self, verb: str, body: Mapping[str, Any], within_s: float | None, progress: Callable[[bytes], None]
    ) -> tuple[Request, float | None, bool]:
        """Who asks for what, within how many seconds it may be obeyed, and whether it came before.

        Raises RefusedRequestError.
        """
        if verb not in self.verbs:
            raise RefusedRequestError(f"there is no verb {verb!r}; there are {', '.join(sorted(self.verbs))}")
        asked = self.check(verb, body)
        arguments = dict(asked.body)
        name = _id(arguments.pop("id", None))
        left_s = self._left_s(arguments.pop("expires", None), within_s)
        if strange := VOCABULARY[verb].strange(arguments):
            raise RefusedRequestError(strange)

        def tell(how_far: object) -> None:
            progress(orjson.dumps(self._said(name, verb, {"progress": how_far}), default=str))

        return Request(name, arguments, asked.operator, tell), left_s, asked.came_before

    def _left_s(self, expires: object, within_s: float | None) -> float | None:
        """How long a request may still be obeyed; None: for ever. Raises RefusedRequestError."""
        if expires is None:
            return within_s
        if not isinstance(expires, int | float) or isinstance(expires, bool):
            raise RefusedRequestError("'expires' must be epoch seconds")
        if not self.clock.trusted():
            raise RefusedRequestError("the gateway does not know the time, so nothing that expires is obeyed")
        now = self.clock.wall()
        if now > expires:
            raise RefusedRequestError(f"expired at {iso(max(expires, 0.0))}, and it is {iso(now)}")
        return expires - now if within_s is None else min(expires - now, within_s)

    async def _obey(self, key: Key, request: Request, left_s: float | None) -> bytes:
        """Obey once, and remember the answer. Raises RefusedRequestError when there is too much to do already."""
        verb, known = key[0], VOCABULARY[key[0]]
        changes = known.changes is not Changes.NOTHING
        if self.report.running >= AT_ONCE and not known.long:
            del self._running[key]
            raise RefusedRequestError(f"busy with {AT_ONCE} requests; ask again")
        self.report.running += not known.long
        try:
            kept = await self.answers.begin(key, self._now()) if changes else True
            result = await self._result(verb, request, None if changes else left_s)
            if not kept:
                result["kept"] = False  # the disk takes nothing: a restart forgets it
            self.report.obeyed += bool(result["ok"])
            self.report.refused += not result["ok"]
            by = f" by {request.operator}" if request.operator else ""
            log.info("command %s %s%s: %s", verb, request.id, by, "done" if result["ok"] else result["error"])
            said = self._said(request.id, verb, result)
            return await self.answers.end(key, self._now(), said, wait=changes)
        finally:
            self.report.running -= not known.long
            del self._running[key]

    async def _result(self, verb: str, request: Request, left_s: float | None) -> dict[str, object]:
        """What came of it. A fault of ours in a verb must not end the gateway."""
        try:
            async with asyncio.timeout(left_s):
                return {"ok": True, "result": await self.verbs[verb](request)}
        except RefusedRequestError as error:
            return {"ok": False, "error": str(error)}
        except TimeoutError:
            return {"ok": False, "error": "expired before it could be answered"}
        except Exception as error:
            log.exception("command %s %s failed", verb, request.id)
            return {"ok": False, "error": f"failed in the gateway, whose journal says more: {error!r}"}

    def _now(self) -> float:
        return round(self.clock.wall(), 3)

    def _said(self, request: object, verb: str, result: Mapping[str, object]) -> dict[str, object]:
        return {"id": request, "verb": verb, "at": self._now(), **result}


def _object(payload: bytes) -> Mapping[str, Any]:
    """What stands in a payload. Raises RefusedRequestError."""
    if len(payload) > LONGEST:
        raise RefusedRequestError(f"{len(payload)} bytes are too long; at most {LONGEST} are read")
    return json_object(payload, "a request")


def _id(value: object) -> str:
    """The id of a request. Raises RefusedRequestError."""
    if not isinstance(value, str) or not 1 <= len(value) <= 100 or not value.isprintable():
        raise RefusedRequestError("'id' is missing or no text of 1 to 100 characters; each request has one of its own")
    return value
