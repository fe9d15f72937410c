"""How `taiqu meter` changes meters: what [control] permits to an operator who signs, in two steps, written down.

The same permits, limits, checks and log as over MQTT; only the line is opened from here.
"""

import asyncio
import sys
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import typer

from gateway.cli.meter_talk import site_of, wrong
from gateway.verbs.request import RefusedRequestError, Request

if TYPE_CHECKING:
    from drivers.api import Conversation
    from gateway.control.control import Control
    from gateway.settings.models import ControlSettings, Device, Site
    from gateway.south.poll import Lane, Poll

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Changer:
    """Who wants to change something, and why."""

    config: Path
    operator: str
    key: Path | None
    reason: str
    sure: bool  # has said so beforehand; else he is asked, when he sits at a terminal

    def change(self, device: str, action: str, words: Sequence[str]) -> Mapping[str, Any]:
        """What came of it. Ends the command with 2 for a wrong question, with 1 when it is refused or not done."""
        site, settings = self._site()
        arguments: dict[str, object] = {"device": device, "action": action}
        if action == "write":
            arguments |= {"parameter": "".join(words[:1]), "values": list(words[1:])}
        elif words:
            arguments["values"] = list(words)

        async def run(control: "Control") -> Mapping[str, Any]:
            armed: Any = await control.arm(self._request(site, "arm", {**arguments, "reason": self.reason}))
            self._ask(device, f"{action} {' '.join(words)}".rstrip())
            given = {"device": device, "action": action, "token": armed["token"]}
            done: Any = await control.confirm(self._request(site, "confirm", given))
            return dict(done)

        return self._run(site, settings, run)

    def on_line(self, line: str, tell: Callable[[], Awaitable[str]]) -> str:
        """The time, told to all meters of a line, where every one of them may have its clock set."""
        from gateway.control.action import Action, permitted
        from gateway.control.limits import EXECUTING
        from gateway.control.past import EXECUTED

        site, settings = self._site()
        meters = [row.id for row in site.devices if row.line == line and row.driver == "dlt645"]

        async def run(control: "Control") -> str:
            request = self._request(site, "arm", {"device": line, "action": "set_clock", "reason": self.reason})
            for meter in meters:
                if not permitted(settings, self.operator, Action("set_clock", meter)):
                    raise RefusedRequestError(f"no [[control.permit]] allows {self.operator} to set_clock on {meter}")
            if says := control.limits.reached(line):
                raise RefusedRequestError(says)
            self._ask(line, "set all clocks by broadcast")
            told = {"operator": request.operator, "action": "broadcast_clock", "device": line, "reason": self.reason}
            begun = await control.audit.append(EXECUTING, **told)
            says = await tell()
            await control.audit.append(EXECUTED, **told, says=says, executing=begun.seq)
            return says

        return self._run(site, settings, run)

    def _site(self) -> "tuple[Site, ControlSettings]":
        site = site_of(self.config)
        if site.control is None:
            wrong(f"control is off: nothing changes a meter unless [control] of {self.config} permits it")
        if not self.operator or self.key is None:
            wrong("who changes the meter? Say --operator NAME --key FILE, as [[commands.operator]] has him")
        if not self.reason:
            wrong("why? Say --reason TEXT; it stands in the audit log")
        return site, site.control

    def _run(self, site: "Site", settings: "ControlSettings", work: "Callable[[Control], Awaitable[T]]") -> T:
        from drivers.errors import DriverError
        from gateway.control.audit import AuditError
        from gateway.north.keys import KeyFileError
        from gateway.south.link.api import LinkError
        from gateway.store import StoreError

        async def run() -> T:
            async with _control(site, settings) as control:
                return await work(control)

        try:
            return asyncio.run(run())
        except KeyFileError as error:
            wrong(str(error))
        except StoreError as error:
            typer.echo(f"{error}, or ask it: taiqu ask arm", err=True)
            raise typer.Exit(1) from error
        except (RefusedRequestError, AuditError, LinkError, DriverError) as error:
            typer.echo(str(error), err=True)
            raise typer.Exit(1) from error

    def _request(self, site: "Site", verb: str, arguments: Mapping[str, object]) -> Request:
        """Signed, and checked as the gateway checks it: who has another key is nobody."""
        import orjson

        from gateway.clock import SystemClock
        from gateway.north.keys import read_key
        from gateway.north.signature import Seen, Signatures, request_of, sign

        clock, name = SystemClock(), uuid.uuid4().hex
        envelope = sign(
            read_key(str(self.key)), self.operator, request_of(site.id, verb, name, clock.wall(), arguments)
        )
        check = Signatures(site.id, site.commands, clock, Seen({}, lambda _: None)).check
        asked = check(verb, orjson.loads(envelope))
        return Request(name, {key: value for key, value in asked.body.items() if key != "id"}, asked.operator)

    def _ask(self, whom: str, what: str) -> None:
        """The second step. The token that was given for the first one does not live long."""
        if self.sure:
            return
        if not sys.stdin.isatty():
            wrong(f"this would {what} on {whom}; say --change-the-meter when that is what you want")
        if typer.prompt(f"This will {what} on {whom}. Type {whom} to go on", default="", show_default=False) != whom:
            wrong("nothing was changed")


class _Elsewhere:
    """The service hears of it when it starts: from the audit log."""

    async def order(self, _request: Request) -> object:
        return None

    async def unorder(self, _request: Request) -> object:
        return None


@asynccontextmanager
async def _control(site: "Site", settings: "ControlSettings") -> "AsyncIterator[Control]":
    """The control of a site whose service does not run, nor may begin meanwhile. Raises StoreError, AuditError."""
    from gateway.clock import SystemClock
    from gateway.control.audit import AuditError
    from gateway.control.start import begin
    from gateway.south.bus import Bus
    from gateway.south.link.ports import link_to
    from gateway.store.file import Lock

    clock, lock = SystemClock(), Lock(site.store.path)
    buses: dict[str, tuple[Bus, asyncio.Task[None]]] = {}

    def carry(device: "Device", talk: "Callable[[], Conversation]", lane: "Lane") -> "Awaitable[Poll]":
        if device.line not in buses:
            line = next(line for line in site.lines if line.id == device.line)
            there = [row for row in site.devices if row.line == line.id]
            bus = Bus(line, there, link_to(line.port, clock), clock, lambda _: None)
            buses[line.id] = bus, asyncio.create_task(bus.run(polling=False))
        return buses[device.line][0].carry(device.id, talk, lane)

    control = begin(
        site, settings, clock, {}, carry, _Elsewhere(), lambda _drafts, _state: None, lambda _device, _values: None
    )
    try:
        if control.audit.trouble:
            raise AuditError(control.audit.trouble)
        yield control
    finally:
        for bus, running in buses.values():
            bus.close()
            await running
        control.audit.close()
        lock.release()
