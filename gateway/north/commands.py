"""Operators' requests: typed, answered once with the same id, refused with a sentence. No request may end the gateway.

A request is a JSON object on `cmd/{verb}`: `id`, the arguments of the verb, and `expires` (epoch seconds) if it must
not be obeyed late. The answer on `rsp/{verb}` has the same `id`, `ok`, and `result` or `error`. An id that was seen
before is answered from memory and not obeyed again.
"""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import orjson

from gateway.clock import Clock, iso

log = logging.getLogger(__name__)

LONGEST = 16_384
"""Bytes of a request; nobody needs more."""

REMEMBERED = 500
"""Answers kept for requests that come again."""

AT_ONCE = 8
"""Requests that are being obeyed at a time; more are refused."""

Verb = Callable[[Mapping[str, Any]], Awaitable[object]]


class RefusedRequestError(Exception):
    """The request is not obeyed: says why, and what a right one looks like."""


class Commands:
    """Takes requests and gives answers; what a verb does is its function's own business."""

    def __init__(self, verbs: Mapping[str, Verb], clock: Clock) -> None:
        self._verbs, self._clock = verbs, clock
        self._answers: OrderedDict[tuple[str, str], asyncio.Future[bytes]] = OrderedDict()
        self._running = 0

    async def answer(self, verb: str, payload: bytes) -> bytes:
        """The answer to a request; never raises for anything that stands in one."""
        request: dict[str, Any] = {}
        try:
            request = self._checked(verb, payload)
            key = (verb, request["id"])
            if key not in self._answers:
                self._answers[key] = asyncio.ensure_future(self._obey(verb, request))
                self._forget()
            return await asyncio.shield(self._answers[key])
        except RefusedRequestError as error:
            return self._said(request.get("id"), verb, {"ok": False, "error": str(error)})

    def _checked(self, verb: str, payload: bytes) -> dict[str, Any]:
        if len(payload) > LONGEST:
            raise RefusedRequestError(f"{len(payload)} bytes are too long; at most {LONGEST} are read")
        try:
            request = orjson.loads(payload)
        except orjson.JSONDecodeError as error:
            raise RefusedRequestError(f"is no JSON ({error})") from error
        if not isinstance(request, dict):
            raise RefusedRequestError('must be an object: {"id": "...", ...}')
        if not isinstance(request.get("id"), str) or not 1 <= len(request["id"]) <= 100:
            raise RefusedRequestError("'id' is missing: a text of 1 to 100 characters, another one for each request")
        if verb not in self._verbs:
            raise RefusedRequestError(f"there is no verb {verb!r}; there are {', '.join(sorted(self._verbs))}")
        expires = request.get("expires")
        if expires is not None and not isinstance(expires, int | float):
            raise RefusedRequestError("'expires' must be epoch seconds")
        if expires is not None and self._clock.wall() > expires:
            raise RefusedRequestError(f"expired at {iso(expires)}, and it is {iso(self._clock.wall())}")
        return request

    async def _obey(self, verb: str, request: Mapping[str, Any]) -> bytes:
        if self._running >= AT_ONCE:
            return self._said(request["id"], verb, {"ok": False, "error": f"busy with {AT_ONCE} requests; ask again"})
        self._running += 1
        try:
            result: dict[str, object] = {"ok": True, "result": await self._verbs[verb](request)}
        except RefusedRequestError as error:
            result = {"ok": False, "error": str(error)}
        finally:
            self._running -= 1
        log.info("command %s %s: %s", verb, request["id"], "done" if result["ok"] else result["error"])
        return self._said(request["id"], verb, result)

    def _said(self, request: object, verb: str, result: Mapping[str, object]) -> bytes:
        return orjson.dumps({"id": request, "verb": verb, "at": iso(self._clock.wall()), **result}, default=str)

    def _forget(self) -> None:
        while len(self._answers) > REMEMBERED:
            self._answers.popitem(last=False)


def text(request: Mapping[str, Any], name: str, otherwise: str | None = None) -> str:
    """A text of the request. Raises RefusedRequestError."""
    value = request.get(name, otherwise)
    if not isinstance(value, str) or len(value) > 1000 or (otherwise is None and not value):
        raise RefusedRequestError(f"'{name}' is missing or no text")
    return value


def number(request: Mapping[str, Any], name: str, otherwise: float | None = None) -> float:
    """A number of the request. Raises RefusedRequestError."""
    value = request.get(name, otherwise)
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise RefusedRequestError(f"'{name}' is missing or no number")
    return float(value)
