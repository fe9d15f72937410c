"""Customers who lose supply again and again: a weak point of the network, whatever each single cause was."""

from collections.abc import Iterable, Mapping

from rules.book import Claim
from rules.incident import Incident
from rules.thresholds import Limits
from rules.topology import Tree
from rules.words import OUTAGES, PHASE_LOSSES

UNPLANNED = {*OUTAGES.values(), *PHASE_LOSSES.values(), "area_outage", "meter_outage"}
DAY_S = 86_400.0


class Repeats:
    """When each meter's sustained, unannounced outages began."""

    def __init__(self, tree: Tree, limits: Limits) -> None:
        own = limits["repeats"]
        self._tree = tree
        self._sustained_s = limits["outage"]["sustained_s"]
        self._memory_s = own["memory_days"] * DAY_S
        self._often = own["outages"]
        self._began: dict[str, list[float]] = {}

    def take(self, told: Iterable[Incident]) -> bool:
        """Count the outages among incidents that were told; whether there was one."""
        counted = [incident for incident in told if self._counts(incident)]
        for incident in counted:
            for device in incident.devices:
                self._began.setdefault(device, []).append(incident.started_at)
        return bool(counted)

    def _counts(self, incident: Incident) -> bool:
        lasted = (incident.ended_at or 0.0) - incident.started_at
        over = incident.state == "cleared" and incident.explained_by is None
        return incident.type in UNPLANNED and over and lasted >= self._sustained_s

    def claim(self, at: float) -> Claim | None:
        """All meters that lose supply too often, as one incident; None: there is none."""
        for device, times in list(self._began.items()):
            lately = [began for began in times if at - began < self._memory_s]
            if lately:
                self._began[device] = lately
            else:
                del self._began[device]
        often = {device: times for device, times in self._began.items() if len(times) >= self._often}
        return self._claim(often) if often else None

    def _claim(self, often: Mapping[str, list[float]]) -> Claim:
        devices = tuple(sorted(often))
        node = self._tree.common(devices) if len(devices) > 1 else devices[0]
        most = max(map(len, often.values()))
        first = min(times[0] for times in often.values())
        days = self._memory_s / DAY_S
        whom = f"{len(devices)} meters below {node}" if len(devices) > 1 else node
        return Claim(
            type="repeated_outages",
            node=node,
            state="confirmed",
            severity="info",
            started_at=first,
            started_after=first,
            devices=devices,
            equivalents=self._tree.equivalents(node) if len(devices) > 1 else (),
            evidence=(f"{whom} lost supply up to {most} times within {days:.0f} days",),
            figures={"outages": float(most), "meters": float(len(devices))},
        )

    def holds(self, _: str) -> bool:
        """Whether any outage is remembered."""
        return bool(self._began)

    def dump(self) -> object:
        """Its state as plain data."""
        return self._began

    def load(self, kept: object) -> None:
        """Take up the state that `dump` gave."""
        assert isinstance(kept, dict)
        self._began = {device: list(times) for device, times in kept.items() if device in self._tree.devices}
