"""Dips that polling happens to catch: one low reading between good ones, of one device or of many at once."""

from collections.abc import Iterator, Mapping

from rules.area import Area
from rules.book import Claim
from rules.pace import spacing
from rules.thresholds import Limits, of_class
from rules.topology import Tree
from rules.witness import Witness


class Dips:
    """Low readings that may turn out to be a dip, and dips that are not told yet. Polling misses most dips."""

    def __init__(self, tree: Tree, witnesses: Mapping[str, Witness], limits: Limits, area: Area) -> None:
        self._tree = tree
        self._witnesses = witnesses
        own = {kind: of_class(limits, "voltage", kind) for kind in {device.kind for device in area.devices}}
        self._low_v = {kind: one["dip_share"] * area.nominal_voltage for kind, one in own.items()}
        self._good_v = {kind: one["low_share"] * area.nominal_voltage for kind, one in own.items()}
        self._dead_v = {kind: of_class(limits, "outage", kind)["dead_share"] * area.nominal_voltage for kind in own}
        self._poll = area.poll_period_s
        self._low: dict[str, tuple[float, float, int]] = {}  # by device: epoch seconds, V, readings in a row
        self.seen: dict[str, tuple[float, float]] = {}  # by device: epoch seconds, V

    def take(self, witness: Witness) -> bool:
        """A device was read; whether there is a dip to tell."""
        device = witness.device.id
        volts = [volt for place in witness.places if (volt := witness.volts[place]) is not None]
        kind = witness.device.kind
        least = min(volts, default=self._good_v[kind])
        was = self._low.get(device)
        if was is None and least >= self._low_v[kind]:
            return bool(self.seen)
        if least >= self._good_v[kind]:
            at, volt, readings = self._low.pop(device)
            if readings == 1 and witness.at - at <= witness.pause(self._poll):
                self.seen[device] = (at, volt)
            return bool(self.seen)
        readings = was[2] + 1 if was else 1
        self._low[device] = (witness.at, least, readings if least >= self._dead_v[kind] else readings + 1)
        return bool(self.seen)

    def forget(self, device: str) -> None:
        """Something else explains this device's voltage."""
        self._low.pop(device, None)
        self.seen.pop(device, None)

    def claims(self) -> Iterator[tuple[str, Claim | None]]:
        """Dips of one moment as one incident, begun and over, when every device has had its turn to recover."""
        if not self.seen:
            return
        first = min(at for at, _ in self.seen.values())
        known = self._witnesses.values()
        if max(witness.at for witness in known) - first < 1.5 * spacing(known, self._poll):
            return
        devices, least = tuple(sorted(self.seen)), min(volt for _, volt in self.seen.values())
        self.seen = {}
        claim = Claim(
            type="dip",
            node=self._tree.common(devices) if len(devices) > 1 else devices[0],
            state="confirmed",
            severity="info",
            started_at=first,
            started_after=first,
            devices=tuple(device for device in devices if self._tree.devices[device].kind == "meter"),
            evidence=(f"{len(devices)} devices read one low voltage between good ones, at worst {least:.1f} V",),
            figures={"worst_v": least, "devices": float(len(devices))},
        )
        yield "dip", claim
        yield "dip", None

    def dump(self) -> object:
        """Its state as plain data."""
        return [self._low, self.seen]

    def load(self, kept: object) -> None:
        """Take up the state that `dump` gave."""
        assert isinstance(kept, list)
        low, seen = kept
        known = self._witnesses
        self._low = {device: (at, volt, count) for device, (at, volt, count) in low.items() if device in known}
        self.seen = {device: (at, volt) for device, (at, volt) in seen.items() if device in known}
