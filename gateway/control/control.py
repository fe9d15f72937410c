"""Changing devices in two steps: an operator arms an action with a reason, and confirms it with the token he gets.

Every step, and every refusal, is in the audit log before anything else happens, and on MQTT right after.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from functools import partial

from gateway.clock import Clock
from gateway.control.action import ACTIONS, Action, permitted
from gateway.control.audit import Audit
from gateway.control.disconnections import Disconnections, Orders
from gateway.control.execution import Outcome, execute
from gateway.control.journal import Journal
from gateway.control.limits import EXECUTING, Limits
from gateway.control.past import EXECUTED, Past
from gateway.control.tokens import Armed, Tokens
from gateway.control.way import Way
from gateway.settings.models import ControlSettings
from gateway.verbs.names import Names
from gateway.verbs.request import RefusedRequestError, Request, one_of, text, texts

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ControlReport:
    """Control so far, in numbers."""

    armed: int  # actions that wait to be confirmed now
    executed: int  # actions that devices were told
    good: int  # those that the devices showed
    refused: int
    seq: int  # the audit log's last record
    hash: str
    trouble: str  # why nothing can be written down, and so nothing be done


@dataclass(slots=True)
class Control:
    """Arms and confirms."""

    settings: ControlSettings
    names: Names
    clock: Clock
    audit: Audit
    way: Callable[[Action], Way]  # how something is done. Raises RefusedRequestError when it cannot be
    orders: Orders
    seen: Callable[[str, Mapping[str, float]], None]  # what a device showed of its points, for the rules
    journal: Journal = field(init=False)
    limits: Limits = field(init=False)
    past: Past = field(init=False)
    _tokens: Tokens = field(init=False)
    _disconnections: Disconnections = field(init=False)
    _busy: set[str] = field(default_factory=set)  # devices that are being told something
    _executed: int = 0
    _good: int = 0

    def __post_init__(self) -> None:
        self.journal = Journal(self.audit, self.clock)
        self.limits = Limits(self.settings, self.clock)
        self.past = Past(self.limits)
        self._tokens = Tokens(self.clock)
        self._disconnections = Disconnections(self.orders)

    async def begin(self, **told: object) -> None:
        """Begin this life of the gateway: what the log must know of it, and what the rules missed."""
        await self.past.end(self.audit, self.names, self._disconnections, **told)

    @property
    def report(self) -> ControlReport:
        """How it goes."""
        return ControlReport(
            armed=len(self._tokens),
            executed=self._executed,
            good=self._good,
            refused=self.journal.refused,
            seq=self.audit.head.seq,
            hash=self.audit.head.hash,
            trouble=self.audit.trouble,
        )

    # ---- verbs

    async def arm(self, request: Request) -> object:
        """Ask for a token: `device`, `action`, `reason`; to write, `parameter` and `values`."""
        action = await self._wanted(request)
        reason = await self._said(request, "reason")
        record = await self.journal.write(request, "armed", **action.told(), reason=reason)
        until = self.clock.monotonic() + self.settings.token_s
        token = self._tokens.give(Armed(request.operator, action, reason, record.seq, until))
        return {**action.told(), "token": token, "within_s": self.settings.token_s, "armed": record.seq}

    async def confirm(self, request: Request) -> object:
        """Have it done: `device`, `action` and `token` as arming gave it. Answers when the device shows it."""
        armed = await self._armed(request)
        device = armed.action.device
        if device in self._busy:
            await self.journal.refuse(
                request, f"{device} is being told something; wait for the answer", armed=armed.seq
            )
        if says := self.limits.reached(device):
            await self.journal.refuse(request, says, armed=armed.seq)
        self._tokens.take(text(request, "token"))
        self._busy.add(device)
        self.limits.note(device)  # at once: others may be confirmed before this is written down
        try:
            outcome = await self._have_done(request, armed)
        finally:
            self._busy.discard(device)
        if not outcome.good:
            raise RefusedRequestError(_sentence(armed.action, outcome))
        return {**armed.action.told(), **asdict(outcome), "verified": outcome.verified}

    async def disarm(self, request: Request) -> object:
        """Give a token back: `device`, `action`, `token`. Nothing is done."""
        armed = await self._armed(request)
        self._tokens.take(text(request, "token"))
        await self.journal.write(request, "disarmed", **armed.action.told(), armed=armed.seq)
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
                raise RefusedRequestError(
                    "'parameter' and 'values' go with the action write, which needs both, and with no other"
                )
            if not permitted(self.settings, request.operator, action):
                raise RefusedRequestError(f"no [[control.permit]] allows {request.operator} to {action} on {device}")
            self.way(action)
            if says := self.limits.reached(device):
                raise RefusedRequestError(says)
        except RefusedRequestError as error:
            await self.journal.refuse(request, str(error))
        return action

    async def _armed(self, request: Request) -> Armed:
        armed = self._tokens.armed(await self._said(request, "token"))
        if armed is None:
            says = f"the token is wrong, used, void since a restart, or older than {self.settings.token_s:g} s"
            await self.journal.refuse(request, says)
        if armed.operator != request.operator:
            await self.journal.refuse(request, "the token is another operator's", armed=armed.seq)
        asked = (request.arguments.get("device"), request.arguments.get("action"))
        if asked != (armed.action.device, armed.action.name):
            says = "the token is for another device or another action"
            await self.journal.refuse(request, says, armed=armed.seq)
        return armed

    async def _said(self, request: Request, name: str) -> str:
        try:
            return text(request, name)
        except RefusedRequestError as error:
            return await self.journal.refuse(request, str(error))

    async def _have_done(self, request: Request, armed: Armed) -> Outcome:
        """Written down, told to the rules, done, and written down again."""
        action, write = armed.action, self.journal.write
        way = self.way(action)
        begun = await write(request, EXECUTING, **action.told(), reason=armed.reason, armed=armed.seq)
        self._executed += 1
        await self._disconnections.before(action.name, action.device)
        try:
            outcome = await execute(way, self.settings.verify_s, partial(self.seen, action.device))
        except Exception as error:  # whatever fails here, the device may have been told, and the log has to say so
            log.exception("control: %s of %s failed", action, action.device)
            outcome = Outcome("not verified", "", f"failed in the gateway, whose journal says more: {error!r}")
        await self._disconnections.after(action.name, action.device, outcome.result)
        self._good += outcome.good
        log.info("control: %s of %s by %s: %s", action, action.device, request.operator, outcome.result)
        try:
            await write(request, EXECUTED, **action.told(), **asdict(outcome), executing=begun.seq)
        except RefusedRequestError as error:  # it is done all the same, and the operator hears of it
            log.error("control: %s", error)
        return outcome


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
