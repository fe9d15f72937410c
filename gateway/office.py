"""What operators may ask of a gateway: the themes of verbs, wired to its parts. A parts list, as `app` is."""

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any

from drivers.api import Conversation
from gateway.north.commands import Asked, Check
from gateway.north.signature import Seen, Signatures
from gateway.settings.models import Device
from gateway.south.poll import Lane, Poll
from gateway.verbs import VOCABULARY, Changes, Do, RefusedRequestError, Request, spoken
from gateway.verbs.asking import Asking
from gateway.verbs.hand import Handling
from gateway.verbs.keeping import Keeping
from gateway.verbs.lines import Lines
from gateway.verbs.names import Names
from gateway.verbs.pool import Announcing
from gateway.verbs.quiet import Silencing
from rules.observation import Observation

if TYPE_CHECKING:
    from gateway.app import Gateway
    from gateway.control.control import Control

CONTROL = [verb.name for verb in VOCABULARY.values() if verb.changes is Changes.METER]
"""Verbs that change a device."""


async def off(_request: Request) -> object:
    """What each of them says where there is no control."""
    raise RefusedRequestError("control is off: nothing changes a device unless [control] of gateway.toml permits it")


def verbs_of(gateway: "Gateway") -> Mapping[str, Do]:
    """The verbs of one gateway."""
    site, rules, clock, names = gateway.site, gateway.rules, gateway.clock, Names(gateway.site)
    remember = gateway.pipeline.history.ledger.want
    sinks = [name for name, there in (("mqtt", site.mqtt), ("influx", site.influx)) if there]
    control = [gateway.control] if gateway.control is not None else []
    themes = spoken(
        *control,
        Asking(names, rules, clock, gateway.ask, remember, gateway.pipeline.stamp.told),
        announcing(gateway),
        Handling(rules, clock, gateway.tell),
        Silencing(names, gateway.pipeline.silences, clock, gateway.keep),
        Lines(names, gateway.buses, gateway.clocks, clock),
        Keeping(site, names, gateway.figures, gateway.store, sinks, gateway.sinks, gateway.renewal.ask),
    )
    return {**dict.fromkeys(CONTROL, off), **themes}


def announcing(gateway: "Gateway") -> Announcing:
    """What tells the rules of the utility's plans and orders."""
    return Announcing(gateway.site, Names(gateway.site), gateway.rules.desk, gateway.clock, gateway.keep, gateway.tell)


def control_of(gateway: "Gateway", saved: Mapping[str, object]) -> "Control | None":
    """What changes devices; None where the site says nothing of it."""
    settings = gateway.site.control
    if settings is None:
        return None
    from gateway.control.start import begin  # the sites without it do without its weight

    def carry(device: Device, talk: Callable[[], Conversation], lane: Lane) -> Awaitable[Poll]:
        return gateway.buses[device.line].carry(device.id, talk, lane)

    def seen(device: str, values: Mapping[str, float]) -> None:
        line = gateway.line_of[device]
        gateway.pipeline.observe(Observation(device, gateway.clock.wall(), values, bus=line, source="read"))

    return begin(gateway.site, settings, gateway.clock, saved, carry, announcing(gateway), gateway.store.put, seen)


def check_of(gateway: "Gateway", saved: Mapping[str, object]) -> Check:
    """Who finds out who asks. Who tries to change a device and proves nothing is written down."""
    signatures = Signatures(gateway.site.id, gateway.site.commands, gateway.clock, Seen(saved, gateway.keep))

    def check(verb: str, body: Mapping[str, Any]) -> Asked:
        try:
            return signatures.check(verb, body)
        except RefusedRequestError as error:
            if gateway.control is not None and verb in CONTROL:
                gateway.control.journal.turned_away(verb, body, str(error))
            raise

    return check
