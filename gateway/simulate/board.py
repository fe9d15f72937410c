"""What the demo knows at a moment: what it did to the area, and what it heard about it from the broker."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gateway.settings.models import Site
from gateway.simulate.judge import Result, Said, judge
from gateway.simulate.scenario import Scenario


@dataclass(frozen=True, slots=True)
class Seen:
    """The last that came of one device."""

    values: Mapping[str, float | None]
    fault: str | None
    count: int  # observations so far


@dataclass(slots=True)
class Board:
    """Grows with every message; says nothing of its own."""

    site: Site
    scenario: Scenario
    second: float = 0.0  # of the scenario; negative before it begins
    seen: dict[str, Seen] = field(default_factory=dict)
    said: list[Said] = field(default_factory=list)
    incidents: dict[str, Mapping[str, Any]] = field(default_factory=dict)  # the last word on each
    heard_at: dict[str, float] = field(default_factory=dict)  # second of that word
    observations: int = 0
    gateway_says: str = ""  # of its own state

    def hear(self, topic: str, payload: Any) -> Said | None:
        """Take one message of the gateway; the incident's new state, when it is one."""
        kind = topic.split("/", 1)[0]
        if kind in ("data", "hist") and payload:
            for row in payload["observations"] if isinstance(payload, dict) else payload:
                self._observe(row)
        elif kind == "state" and payload:
            self.gateway_says = payload["state"]
        elif kind == "event" and payload:
            return self._incident(payload["data"])
        return None

    @property
    def result(self) -> Result:
        """The verdict so far."""
        return judge(self.scenario, self.said, self.second)

    @property
    def all_read(self) -> bool:
        """Whether every device has answered often enough to know what is usual."""
        return all(self.seen.get(device.id, Seen({}, None, 0)).count >= 3 for device in self.site.devices)

    def _observe(self, row: Mapping[str, Any]) -> None:
        self.observations += 1
        before = self.seen.get(row["device"], Seen({}, None, 0))
        values = row.get("values") or {}
        self.seen[row["device"]] = Seen({**before.values, **values}, row.get("fault"), before.count + bool(values))

    def _incident(self, incident: Mapping[str, Any]) -> Said:
        said = Said.from_json(self.second, incident)
        self.said.append(said)
        self.incidents[said.id] = incident
        self.heard_at[said.id] = self.second
        return said
