"""What operators ask and what is refused, written down with who and why; bounded, so that nobody fills the log."""

import asyncio
import logging
from collections import deque
from collections.abc import Mapping
from typing import Any, NoReturn

from gateway.clock import Clock
from gateway.control.audit import Audit, AuditError
from gateway.control.chain import Record
from gateway.control.limits import HOUR_S
from gateway.verbs.request import RefusedRequestError, Request

log = logging.getLogger(__name__)

SHOWN = ("device", "action", "parameter", "reason")
"""What of a refused request stands in the log: no token, and no values, which may be a password."""

LONGEST_CLAIM = 100
"""Characters that are kept of what somebody claims who proves nothing."""

REFUSALS_AN_HOUR, STRANGERS_AN_HOUR = 60, 6
"""Refusals that are written down, of operators and of whoever proves nothing; more are counted, and the number stands
in the next record.
"""


class _Ration:
    """So many in an hour."""

    def __init__(self, most: int, clock: Clock) -> None:
        self._most, self._clock = most, clock
        self._taken: deque[float] = deque()  # monotonic

    def one_more(self) -> bool:
        now = self._clock.monotonic()
        while self._taken and now - self._taken[0] >= HOUR_S:
            self._taken.popleft()
        if len(self._taken) >= self._most:
            return False
        self._taken.append(now)
        return True


class Journal:
    """Makes records out of requests."""

    def __init__(self, audit: Audit, clock: Clock) -> None:
        self.refused = 0  # requests, written down or not
        self._audit = audit
        self._refusals, self._strangers = _Ration(REFUSALS_AN_HOUR, clock), _Ration(STRANGERS_AN_HOUR, clock)
        self._unrecorded = 0
        self._writing: set[asyncio.Task[bool]] = set()

    async def write(self, request: Request, what: str, **told: object) -> Record:
        """One step; on disk when this returns. Raises RefusedRequestError when it cannot be written down."""
        if self._unrecorded:
            told["refusals_not_recorded"], self._unrecorded = self._unrecorded, 0
        try:
            return await self._audit.append(what, operator=request.operator, request=request.id, **told)
        except AuditError as error:
            raise RefusedRequestError(str(error)) from error

    async def refuse(self, request: Request, says: str, **told: object) -> NoReturn:
        """Raises RefusedRequestError with what it says, once that is written down."""
        self.refused += 1
        wanted = {name: request.arguments[name] for name in SHOWN if name in request.arguments}
        if self._refusals.one_more():
            await self.write(request, "refused", **wanted, **told, says=says)
        else:
            self._unrecorded += 1
        raise RefusedRequestError(says)

    def turned_away(self, verb: str, body: Mapping[str, Any], says: str) -> None:
        """Somebody asked to change a device and did not prove who he is."""
        self.refused += 1
        if not self._strangers.one_more():
            self._unrecorded += 1
            return
        claimed = {name: str(body[name])[:LONGEST_CLAIM] for name in ("operator", "id") if name in body}
        writing = asyncio.ensure_future(self._note("turned away", verb=verb, claimed=claimed, says=says))
        self._writing.add(writing)
        writing.add_done_callback(self._writing.discard)

    async def clock_care(self, whom: str, how: str) -> bool:
        """The nightly care is about to set a clock, or all of a line; False when that cannot be written down."""
        return await self._note("clock care", action="set_clock", device=whom, how=how)

    async def _note(self, what: str, **told: object) -> bool:
        try:
            await self._audit.append(what, **told)
        except AuditError as error:
            log.error("control: %s", error)
            return False
        return True
