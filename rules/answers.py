"""The rules that judge one answer of one device by itself, in their order, and which devices each looks at."""

from collections.abc import Callable, Container, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from rules.area import Area, Device
from rules.balance import Balance
from rules.book import Claim
from rules.consumption import Consumption
from rules.contact import Contact
from rules.observation import Observation
from rules.power_quality import PowerQuality
from rules.sensors import CHECKS, Sensors
from rules.state import Part
from rules.thresholds import Limits
from rules.topology import Tree
from rules.transformer import Transformer
from rules.weak_points import WeakPoints
from rules.witness import Witness


class Rule(Part, Protocol):
    """A rule on single answers."""

    def take(self, seen: Observation, witness: Witness, /) -> bool:
        """A device gave values that are newer than all before; whether there is something to say."""

    def claims(self) -> Iterator[tuple[str, Claim | None]]:
        """What to say now, by key; None: it is over."""

    def holds(self, key: str, /) -> bool:
        """Whether what was told under a key lasts, as far as it remembers."""


@dataclass(frozen=True, slots=True)
class Look:
    """A rule, and whom it looks at."""

    name: str  # in front of its incidents' keys, and of what is saved of it
    rule: Rule
    of: Callable[[Device], bool]
    restless: bool = False  # what it remembers changes with every answer, not only when it has something to say


def looks_of(
    tree: Tree, witnesses: Mapping[str, Witness], limits: Limits, area: Area, masked: Container[str]
) -> tuple[Look, ...]:
    """All of them; an answer goes through them from top to bottom. `masked`: devices that something else explains."""
    return (
        Look("transformer", Transformer(tree, limits, area), lambda device: device.kind == "ttu", restless=True),
        Look("sensor", Sensors(limits, area), lambda device: device.kind in CHECKS, restless=True),
        Look("quality", PowerQuality(tree, witnesses, limits, area, masked), _in_the_area),
        Look("weak", WeakPoints(limits, area), lambda _: True),
        Look("balance", Balance(tree, witnesses, limits, area), lambda device: device.kind in ("ttu", "meter")),
        Look("consumption", Consumption(limits, area), lambda _: True),
        Look("contact", Contact(witnesses, limits, area), lambda device: device.kind == "meter"),
    )


def _in_the_area(device: Device) -> bool:
    return device.kind not in ("neighbour_ttu", "sensor")
