"""Verbs of silence: tell nothing new of a place or a kind of incident while people work there."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Protocol

from gateway.clock import Clock
from gateway.settings.shape import closest
from gateway.silence import Silence
from gateway.verbs.hand import quiet_until, whose
from gateway.verbs.names import Names
from gateway.verbs.request import RefusedRequestError, Request, text
from rules.kinds import KINDS


class Keepers(Protocol):
    """Who keeps silences."""

    def lasting(self) -> Sequence[Silence]:
        """All silences."""

    def begin(self, silence: Silence) -> None:
        """From now on."""

    def end(self, name: str) -> Silence | None:
        """Before its time; None when there is none of that name."""

    def changes(self) -> Mapping[str, object | None]:
        """State items that changed."""


@dataclass(frozen=True, slots=True)
class Silencing:
    """Begins and ends silences, which survive a restart."""

    names: Names
    keeper: Keepers
    clock: Clock
    keep: Callable[[Mapping[str, object | None]], None]  # items of state, None to forget one

    async def silence(self, request: Request) -> object:
        """Silence a `node` or a `device`, or a `kind` of incident, or both: `until`, `by`, `reason`, `silence` (id)."""
        node, until = "", quiet_until(request, self.clock.wall())
        if "node" in request.arguments:
            node = self.names.node(request)
        elif "device" in request.arguments:
            node = self.names.device(request).id
        kind = text(request, "kind", "")
        if kind and kind not in KINDS:
            raise RefusedRequestError(f"no incident is of the kind {kind!r}: {closest(kind, tuple(KINDS))}")
        if not node and not kind:
            raise RefusedRequestError("say what is to be silent: a 'node', a 'device' or a 'kind' of incident")
        name = text(request, "silence", request.id)
        silence = Silence(name, until, whose(request), node, kind, text(request, "reason", ""))
        self.keeper.begin(silence)
        self.keep(self.keeper.changes())
        return asdict(silence)

    async def unsilence(self, request: Request) -> object:
        """End a silence before its time: `silence`."""
        name = text(request, "silence")
        gone = self.keeper.end(name)
        if gone is None:
            there = ", ".join(silence.id for silence in self.keeper.lasting()) or "none"
            raise RefusedRequestError(f"there is no silence {name!r}; there is {there}")
        self.keep(self.keeper.changes())
        return asdict(gone)

    async def silences(self, _request: Request) -> object:
        """What is silent, until when and by whom."""
        return [asdict(silence) for silence in self.keeper.lasting()]
