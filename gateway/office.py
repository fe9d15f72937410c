"""What operators may ask of a gateway: the themes of verbs, wired to its parts. A parts list, as `app` is."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from gateway.verbs import Do, spoken
from gateway.verbs.asking import Asking
from gateway.verbs.hand import Handling
from gateway.verbs.keeping import Keeping, Sink
from gateway.verbs.lines import Lines
from gateway.verbs.names import Names
from gateway.verbs.pool import Announcing
from gateway.verbs.quiet import Silencing

if TYPE_CHECKING:
    from gateway.app import Gateway


def verbs_of(gateway: "Gateway") -> Mapping[str, Do]:
    """The verbs of one gateway."""
    site, rules, clock, names = gateway.site, gateway.rules, gateway.clock, Names(gateway.site)
    remember = gateway.pipeline.history.ledger.want
    return spoken(
        Asking(names, rules, clock, gateway.ask, remember),
        Announcing(site, names, rules, clock, gateway.keep, gateway.tell),
        Handling(rules, clock, gateway.tell),
        Silencing(names, gateway.pipeline.silences, clock, gateway.keep),
        Lines(names, gateway.buses, gateway.clocks, clock),
        Keeping(site, names, gateway.figures, gateway.store.figures, _sinks(gateway), gateway.renewal.ask),
    )


def _sinks(gateway: "Gateway") -> Mapping[str, Sink]:
    """Who takes from the store."""

    def says(name: str) -> Callable[[], str]:
        return lambda: sender.report.says if (sender := getattr(gateway, name)) else ""

    there = {"mqtt": gateway.site.mqtt, "influx": gateway.site.influx}
    return {name: Sink(gateway.store.outbox(name), says(name)) for name, settings in there.items() if settings}
