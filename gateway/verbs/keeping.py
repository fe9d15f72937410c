"""Verbs about the gateway itself: its figures, its configuration, its store, and starting anew on changed files."""

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from importlib.metadata import version
from typing import Protocol

from gateway.settings import SettingsError
from gateway.settings.models import Device, Site
from gateway.store import Figures, Outbox, Stream
from gateway.verbs.names import Names
from gateway.verbs.request import RefusedRequestError, Request
from rules.thresholds import complete

ON_ITS_WAY = "on its way"
"""Why rows wait whose receiver is there."""


class Stored(Protocol):
    """The part of the store that is looked at."""

    def figures(self) -> Figures:
        """It in numbers."""

    def outbox(self, sink: str) -> Outbox:
        """What waits for one."""


@dataclass(frozen=True, slots=True)
class Keeping:
    """What maintenance asks of a gateway that is far away."""

    site: Site
    names: Names
    own: Callable[[], Mapping[str, object]]  # the gateway's own figures
    stored: Stored
    sinks: Sequence[str]  # who takes from the store
    says: Callable[[], Mapping[str, str]]  # why each takes nothing; '' while it does
    renew: Callable[[], Awaitable[Mapping[str, object]]]  # checks all files and begins anew; SettingsError

    async def figures(self, _request: Request) -> object:
        """The gateway's own figures."""
        return self.own()

    async def configuration(self, request: Request) -> object:
        """The settings as they are in force, without secrets, which stand in files of their own; or of a `device`."""
        if "device" in request.arguments:
            return _row(self.names.device(request))
        site = self.site
        shown = {field.name: getattr(site, field.name) for field in fields(site)}
        tables: dict[str, object] = {
            "gateway": shown.pop("id"),
            "configuration": shown.pop("fingerprint"),
            "version": version("taiqu-gateway"),
            "area": shown.pop("area").id,
            "devices": len(shown.pop("devices")),
            "thresholds": complete(shown.pop("thresholds")),
        }
        return tables | {name: _table(value) for name, value in shown.items()}

    async def store(self, _request: Request) -> object:
        """What waits in the store, for whom, since when and why; and what was thrown away."""
        waiting, says = [], self.says()
        for name in self.sinks:
            outbox = self.stored.outbox(name)
            for stream in Stream:
                if count := outbox.waiting(stream):
                    oldest = await outbox.peek(stream, 1)
                    since = oldest[0].at if oldest else None
                    why = says[name] or ON_ITS_WAY
                    waiting.append({"for": name, "stream": stream, "rows": count, "since": since, "why": why})
        return {"waiting": waiting, **{k: v for k, v in asdict(self.stored.figures()).items() if k != "waiting"}}

    async def reload(self, _request: Request) -> object:
        """Check all files of the configuration; when they are good, begin anew on them."""
        try:
            return await self.renew()
        except SettingsError as error:
            raise RefusedRequestError(f"the configuration is faulty, and nothing was changed:\n{error}") from error


def _row(device: Device) -> Mapping[str, object]:
    row = {field.name: getattr(device, field.name) for field in fields(device)}
    return row | {"profile": device.profile.name, "wire": asdict(device.wire)}


def _table(value: object) -> object:
    """A table of the settings as JSON can hold it. A password in a URL is a secret too."""
    if isinstance(value, tuple):
        return [_table(one) for one in value]
    if hasattr(value, "__dataclass_fields__"):
        return {name: _table(getattr(value, name)) for name in value.__dataclass_fields__}
    return re.sub(r"//[^/@]*@", "//***@", value) if isinstance(value, str) else value
