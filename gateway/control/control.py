"""Changing devices in two steps: an operator arms an action with a reason, and confirms it with the token he gets.

Every step, and every refusal, is in the audit log before anything else happens, and on MQTT right after.
"""

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, NoReturn, Protocol

from gateway.clock import Clock
from gateway.control.action import ACTIONS, Action, permitted
from gateway.control.audit import Audit, AuditError
from gateway.control.chain import Record
from gateway.control.execution import Outcome, execute
from gateway.control.limits import EXECUTING, HOUR_S, Limits
from gateway.control.tokens import Armed, Tokens
from gateway.control.way import Way
from gateway.settings.models import ControlSettings
from gateway.verbs.names import Names
from gateway.verbs.request import RefusedRequestError, Request, one_of, text, texts

log = logging.getLogger(__name__)

STARTED = "started"

EXECUTED, CUT = "executed", "cut"
"""What ends an action in the log; the second is written at the next start, when the gateway stopped in between."""

CLOSED = ("done", "already so")
OPENED = (*CLOSED, "not verified")
"""Results after which a relay is closed, and may be open."""

SHOWN = ("device", "action", "parameter", "reason")
"""What of a refused request stands in the log: no token, and no values, which may be a password."""

LONGEST_CLAIM = 100
"""Characters that are kept of what somebody claims who proves nothing."""

REFUSALS_AN_HOUR, STRANGERS_AN_HOUR = 60, 6
"""Refusals that are written down, of operators and of whoever proves nothing; more are counted, and the number stands
in the next record. Nobody fills the log, so that what stands in it has to go.
"""


class Orders(Protocol):
    """Where the rules hear that a customer is disconnected on purpose: the verbs of the outage pool."""

    async def order(self, request: Request) -> object:
        """The relay is about to be opened."""

    async def unorder(self, request: Request) -> object:
        """It is not, or it is closed again. Raises RefusedRequestError for what stands in area.toml."""


@dataclass(slots=True)
class ControlReport:
    """Control so far, in numbers."""

    armed: int = 0  # that wait to be confirmed now
    executed: int = 0  # actions that devices were told
    good: int = 0  # those that the devices showed
    refused: int = 0
    seq: int = 0  # the audit log's last record
    hash: str = ""
    trouble: str = ""  # why nothing can be written down, and so nothing be done


@dataclass(slots=True)
class Control:
    """Arms and confirms."""

    settings: ControlSettings
    names: Names
    clock: Clock
    audit: Audit
    way: Callable[[Action], Way]  # how something is done. Raises RefusedRequestError when it cannot be
    orders: Orders
    tokens: Tokens = field(init=False)
    limits: Limits = field(init=False)
    _counts: ControlReport = field(default_factory=ControlReport)
    _busy: set[str] = field(default_factory=set)  # devices that are being told something
    _cut: dict[int, Record] = field(default_factory=dict)  # begun and not ended, by number of the record
    _refusals: deque[float] = field(default_factory=deque)  # when they were written down, monotonic
    _strangers: deque[float] = field(default_factory=deque)
    _unrecorded: int = 0
    _last: str = ""  # what the last record of earlier lives says
    _writing: set["asyncio.Task[None]"] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.tokens = Tokens(self.clock)
        self.limits = Limits(self.settings, self.clock)

    def heard(self, record: Record) -> None:
        """A record of an earlier life of the gateway."""
        self._last = record.what
        self.limits.heard(record)
        if record.what == EXECUTING:
            self._cut[record.seq] = record
        elif record.what in (EXECUTED, CUT):
            self._cut.pop(int(record.told.get("executing", 0)), None)

    async def begin(self, **told: object) -> None:
        """The first records of this life: that it began, and what the last one did not end."""
        for record in self.audit.catch_up():
            await self._learn(record)
        try:
            if self._last != STARTED:  # a gateway that starts again and again has nothing to tell
                await self.audit.append(STARTED, **told)
            for seq, record in self._cut.items():
                log.warning("control: %s of %s was cut off", record.told.get("action"), record.told.get("device"))
                says = "the gateway stopped: what came of it is unknown"
                await self.audit.append(CUT, executing=seq, **_subject(record), says=says)
        except AuditError as error:
            log.error("control is off: %s", error)
        self._cut.clear()

    async def _learn(self, record: Record) -> None:
        """Somebody changed a device while the service did not run: the rules have to know of an open relay."""
        if record.what != EXECUTED or record.told.get("device") not in self.names.devices:
            return
        subject = Request(str(record.told.get("request", "")), {"device": record.told["device"]})
        if record.told.get("action") == "disconnect" and record.told.get("result") in OPENED:
            await self.orders.order(subject)
        if record.told.get("action") == "reconnect" and record.told.get("result") in CLOSED:
            with contextlib.suppress(RefusedRequestError):  # what stands in area.toml is withdrawn there
                await self.orders.unorder(subject)

    # ---- verbs

    async def arm(self, request: Request) -> object:
        """Ask for a token: `device`, `action`, `reason`; to write, `parameter` and `values`."""
        action = await self._wanted(request)
        reason = await self._said(request, "reason")
        record = await self._write_down(request, "armed", **action.told(), reason=reason)
        until = self.clock.monotonic() + self.settings.token_s
        token = self.tokens.give(Armed(request.operator, action, reason, record.seq, until))
        return {**action.told(), "token": token, "within_s": self.settings.token_s, "armed": record.seq}

    async def confirm(self, request: Request) -> object:
        """Have it done: `device`, `action` and `token` as arming gave it. Answers when the device shows it."""
        armed = await self._armed(request)
        device = armed.action.device
        if device in self._busy:
            await self._refuse(request, f"{device} is being told something; wait for the answer", armed)
        if says := self.limits.reached(device):
            await self._refuse(request, says, armed)
        self.tokens.take(text(request, "token"))
        self._busy.add(device)
        try:
            outcome = await self._executed(request, armed)
        finally:
            self._busy.discard(device)
        if not outcome.good:
            raise RefusedRequestError(_sentence(armed.action, outcome))
        return {**armed.action.told(), **asdict(outcome), "verified": outcome.verified}

    async def disarm(self, request: Request) -> object:
        """Give a token back: `device`, `action`, `token`. Nothing is done."""
        armed = await self._armed(request)
        self.tokens.take(text(request, "token"))
        await self._write_down(request, "disarmed", **armed.action.told(), armed=armed.seq)
        return armed.action.told()

    # ---- what everything passes

    async def _wanted(self, request: Request) -> Action:
        """What is to be armed: by somebody who may, to a device that can, within the limits."""
        try:
            if not request.operator:
                raise RefusedRequestError("who changes a device has to be known: sign the request")
            device = self.names.device(request).id
            action = Action(
                one_of(request, "action", ACTIONS),
                device,
                text(request, "parameter", "").upper(),
                tuple(texts(request, "values")),
            )
            writes = action.name == "write"
            if bool(action.parameter) != writes or (bool(action.values) != writes and action.name != "freeze"):
                raise RefusedRequestError("'parameter' and 'values' go with the action write, and with no other")
            if not permitted(self.settings, request.operator, action):
                raise RefusedRequestError(f"no [[control.permit]] allows {request.operator} to {action} on {device}")
            self.way(action)
            if says := self.limits.reached(device):
                raise RefusedRequestError(says)
        except RefusedRequestError as error:
            await self._refuse(request, str(error))
        return action

    async def _armed(self, request: Request) -> Armed:
        armed = self.tokens.armed(await self._said(request, "token"))
        if armed is None:
            await self._refuse(
                request, f"the token is wrong, used, void since a restart, or older than {self.settings.token_s:g} s"
            )
        if armed.operator != request.operator:
            await self._refuse(request, "the token is another operator's", armed)
        asked = (request.arguments.get("device"), request.arguments.get("action"))
        if asked != (armed.action.device, armed.action.name):
            await self._refuse(request, "the token is for another device or another action", armed)
        return armed

    async def _said(self, request: Request, name: str) -> str:
        try:
            return text(request, name)
        except RefusedRequestError as error:
            return await self._refuse(request, str(error))

    async def _executed(self, request: Request, armed: Armed) -> Outcome:
        """Written down, told to the rules, done, and written down again."""
        action = armed.action
        way = self.way(action)
        begun = await self._write_down(request, EXECUTING, **action.told(), reason=armed.reason, armed=armed.seq)
        self.limits.note(action.device)
        self._counts.executed += 1
        subject = replace(request, arguments={"device": action.device})
        if action.name == "disconnect":
            await self.orders.order(subject)
        outcome = await execute(way, self.settings.verify_s)
        closed = action.name == "reconnect" and outcome.good
        if closed or (action.name == "disconnect" and not outcome.may_have_happened):
            with contextlib.suppress(RefusedRequestError):  # what stands in area.toml is withdrawn there
                await self.orders.unorder(subject)
        self._counts.good += outcome.good
        log.info("control: %s of %s by %s: %s", action, action.device, request.operator, outcome.result)
        try:
            await self._write_down(request, EXECUTED, **action.told(), **asdict(outcome), executing=begun.seq)
        except RefusedRequestError as error:  # it is done all the same, and the operator hears of it
            log.error("control: %s", error)
        return outcome

    # ---- the log

    async def _write_down(self, request: Request, what: str, **told: object) -> Record:
        """On disk when this returns. Raises RefusedRequestError when it cannot be."""
        if self._unrecorded:
            told["refusals_not_recorded"], self._unrecorded = self._unrecorded, 0
        try:
            return await self.audit.append(what, operator=request.operator, request=request.id, **told)
        except AuditError as error:
            raise RefusedRequestError(str(error)) from error

    async def _refuse(self, request: Request, says: str, armed: Armed | None = None) -> NoReturn:
        """Write a refusal down, and raise it."""
        self._counts.refused += 1
        wanted = {name: request.arguments[name] for name in SHOWN if name in request.arguments}
        told = wanted if armed is None else {**wanted, "armed": armed.seq}
        if self._recorded(self._refusals, REFUSALS_AN_HOUR):
            await self._write_down(request, "refused", **told, says=says)
        raise RefusedRequestError(says)

    async def note_clock(self, whom: str, how: str) -> bool:
        """A clock, or all of a line, is about to be set by the nightly care; False when that cannot be written down."""
        try:
            await self.audit.append("clock care", action="set_clock", device=whom, how=how)
        except AuditError as error:
            log.error("control: %s", error)
            return False
        return True

    def turned_away(self, verb: str, body: Mapping[str, Any], says: str) -> None:
        """A request to change a device that did not prove who asks: in the log too, as long as there are few."""
        self._counts.refused += 1
        if not self._recorded(self._strangers, STRANGERS_AN_HOUR):
            return
        claimed = {name: str(body[name])[:LONGEST_CLAIM] for name in ("operator", "id") if name in body}
        writing = asyncio.ensure_future(self._write_claim(verb, claimed, says))
        self._writing.add(writing)
        writing.add_done_callback(self._writing.discard)

    async def _write_claim(self, verb: str, claimed: Mapping[str, str], says: str) -> None:
        try:
            await self.audit.append("turned away", verb=verb, claimed=claimed, says=says)
        except AuditError as error:
            log.debug("control: %s", error)

    def _recorded(self, written: deque[float], most: int) -> bool:
        """Whether one more refusal is written down; else it is counted."""
        now = self.clock.monotonic()
        while written and now - written[0] >= HOUR_S:
            written.popleft()
        if len(written) >= most:
            self._unrecorded += 1
            return False
        written.append(now)
        return True

    @property
    def report(self) -> ControlReport:
        """How it goes."""
        head = self.audit.head
        return replace(self._counts, armed=len(self.tokens), seq=head.seq, hash=head.hash, trouble=self.audit.trouble)


def _subject(record: Record) -> Mapping[str, object]:
    return {name: record.told[name] for name in ("operator", "request", "action", "device") if name in record.told}


def _sentence(action: Action, outcome: Outcome) -> str:
    """Why an action is not known to be done."""
    match outcome.result:
        case "not sent":
            return f"{action.device} is silent, so it was told nothing: {outcome.before}"
        case "refused":
            return f"refused by {action.device}: {outcome.says}; it shows: {outcome.after}"
        case _:
            shown = f"{outcome.says}; what it shows: {outcome.after}"
            return f"not verified: {shown}. It may be done all the same: look before you ask again"
