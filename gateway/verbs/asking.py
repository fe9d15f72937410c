"""Verbs that ask devices and the rules: read, judge a call, have a memory read, tell what lasts."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Protocol

from gateway.backfill.ledger import DAY_S, HORIZON_S
from gateway.clock import Clock, iso
from gateway.south.poll import Poll
from gateway.verbs.names import Names
from gateway.verbs.request import RefusedRequestError, Request, moment, text, texts
from rules.area import Report
from rules.incident import Incident, Verdict

LOOK_S = 15.0
"""The answer to a call waits no longer for readings."""

ANSWERED = "answered"

CALL_S = 3600.0
"""A call is judged by how things are now; what was so much earlier is for the incidents of that time to say."""

AHEAD_S = 60.0
"""The clock of whoever takes calls may be so much ahead of the gateway's."""

WEIGH_S = 5.0
"""The rules weigh new silence so much later at most."""


class Judge(Protocol):
    """The part of the rules that knows what is wrong."""

    def judge(self, report: Report) -> Verdict:
        """A customer's call."""

    def whom_to_ask(self, report: Report) -> Sequence[str]:
        """Devices whose reading would tell more of a call."""

    def active(self) -> Sequence[Incident]:
        """What lasts."""


def _as_read(poll: Poll) -> Mapping[str, object]:
    return {reading.point: reading.value for reading in poll.readings}


def _remembers_nothing(_device: str, _start: float, _end: float) -> bool:
    return False


@dataclass(frozen=True, slots=True)
class Asking:
    """Looks and asks; changes nothing."""

    names: Names
    rules: Judge
    clock: Clock
    ask: Callable[[str, Sequence[str]], Awaitable[Poll]]  # reads a device now
    remember: Callable[[str, float, float], bool] = _remembers_nothing  # whether a device has a memory to be read
    told: Callable[[Poll], Mapping[str, object]] = _as_read  # a poll's values

    async def read(self, request: Request) -> object:
        """Read a device now: `device`, and `points` (all that are polled when there are none)."""
        device, points = self.names.device(request), texts(request, "points")
        known = device.profile.points
        if unknown := [point for point in points if point not in known]:
            raise RefusedRequestError(f"{device.id} has no {', '.join(unknown)}; it has {', '.join(known)}")
        poll = await self.ask(device.id, points)
        return {"device": device.id, "at": poll.at, "values": self.told(poll), "fault": poll.fault, "says": poll.says}

    async def backfill(self, request: Request) -> object:
        """Read what a device remembers of a span: `device`, `start` and `end` (now). It comes as history."""
        device, now = self.names.device(request).id, self.clock.wall()
        start, end = moment(request, "start", now), moment(request, "end", now, now)
        if not start < end <= now:
            raise RefusedRequestError("'end' must be later than 'start', and in the past")
        if end - start > HORIZON_S:
            raise RefusedRequestError(
                f"'start' must be within {HORIZON_S / DAY_S:.0f} days of 'end': no meter remembers more"
            )
        if not self.remember(device, start, end):
            raise RefusedRequestError(f"{device} keeps no history that can be read, or [backfill] is switched off")
        return {"device": device, "start": start, "end": end}

    async def judge(self, request: Request) -> object:
        """Judge a customer's call: `device` of the customer, `complaint`, `at`. The meter is read first."""
        now = self.clock.wall()
        at = moment(request, "at", now, now)
        if not now - CALL_S <= at <= now + AHEAD_S:
            raise RefusedRequestError(
                f"'at' must be within the hour before now ({iso(now)}): a call is judged by how things are now"
            )
        report = Report(request.id, at, self.names.device(request).id, text(request, "complaint", ""))
        read: dict[str, str] = {}
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LOOK_S):
                await self._look(report, read)
        return {**asdict(self.rules.judge(report)), "read": read}

    async def _look(self, report: Report, read: dict[str, str]) -> None:
        """Read the customer's meter; when it is silent once more, with those beside it: one answer may get lost."""
        await self._read(report.device, read)
        if read[report.device] == ANSWERED:
            return
        async with asyncio.TaskGroup() as reading:
            for device in self.rules.whom_to_ask(report):
                reading.create_task(self._read(device, read))
        await asyncio.sleep(WEIGH_S)

    async def _read(self, device: str, read: dict[str, str]) -> None:
        read.setdefault(device, "no time")
        poll = await self.ask(device, ())
        read[device] = poll.fault or ANSWERED

    async def incidents(self, _request: Request) -> object:
        """What lasts now."""
        return [asdict(incident) for incident in self.rules.active()]
