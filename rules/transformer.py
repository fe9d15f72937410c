"""The transformer: load against its rating, unbalance, power flowing backwards, oil temperature."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from itertools import pairwise
from math import hypot

from rules.area import Area
from rules.book import Claim
from rules.incident import Severity
from rules.observation import Observation
from rules.oil import Oil
from rules.threshold import Band, Outside, step
from rules.thresholds import Limits
from rules.topology import Tree
from rules.witness import Witness

OIL_MARGIN_K = 3.0  # how far below its limit the oil counts as cool again
SEVERITY: Mapping[str, Severity] = {
    "overload": "major",
    "heavy_load": "minor",
    "current_unbalance": "minor",
    "reverse_power": "info",
    "oil_temperature_high": "major",
    "oil_temperature_unexplained": "minor",
}


CURVE = ((1.0, 1.0), (1.60 / 1.30, 4.0), (1.75 / 1.30, 7.5), (2.00 / 1.30, 15.0))
"""How many times as fast the allowed time runs, by load as a multiple of `emergency_share`: 60 min at 130 % of the
rating, 15 at 160 %, 8 at 175 %, 4 at 200 % (overload table, indoor)."""


def _haste(load: float) -> float:
    """The curve between its points: straight, and flat outside."""
    for (low, slow), (high, fast) in pairwise(CURVE):
        if load < high:
            return slow + (fast - slow) * max(0.0, load - low) / (high - low)
    return CURVE[-1][1]


class Transformer:
    """What the terminal at the transformer says about it."""

    def __init__(self, tree: Tree, limits: Limits, area: Area) -> None:
        own = limits["transformer"]
        self._own = own
        top = tree.transformer()
        self._node = top.id if top else ""
        self._rated = (top.rated_kva if top else None) or 0.0
        self._poll = area.poll_period_s
        load = Band(own["prealarm_s"], own["hold_s"], own["clear_s"])
        self._bands = {
            "overload": load,
            "heavy_load": load,
            "current_unbalance": load,
            "reverse_power": Band(own["reverse_s"], own["reverse_s"], own["clear_s"]),
            "oil_temperature_high": Band(own["oil_s"], own["oil_s"], own["clear_s"]),
            "oil_temperature_unexplained": Band(own["oil_excess_s"], own["oil_excess_s"], own["clear_s"]),
        }
        self._oil = Oil(limits)
        self.outside: dict[str, Outside] = {}
        self._ended: list[str] = []

    def take(self, seen: Observation, witness: Witness) -> bool:
        """The terminal was read; whether an incident may have changed."""
        changed, gap_s = False, witness.pause(self._poll)
        for kind, value, limit, margin in self._measured(seen.at, seen.values):
            was = self.outside.get(kind)
            if was is None:
                if value > limit:
                    self.outside[kind] = Outside(seen.at, seen.at, seen.at, worst=value)
                continue
            was.worst = max(was.worst, value)
            emergency = kind == "overload" and value > self._own["emergency_share"]
            passed = min(seen.at - was.at, gap_s) * _haste(value / self._own["emergency_share"])
            was.severe_s = was.severe_s + passed if emergency else 0.0
            change = step(self._bands[kind], was, seen.at, gap_s, bad=value > limit, good=value <= limit - margin)
            if was.stage != "confirmed" and was.severe_s >= self._own["emergency_s"]:
                was.stage = change = "confirmed"
            if change in ("cleared", "cancelled"):
                del self.outside[kind]
                self._ended.append(kind)
            changed = changed or change is not None
        return changed

    def _measured(self, at: float, values: Mapping[str, float | None]) -> Iterator[tuple[str, float, float, float]]:
        """(kind, value, limit, margin) of everything that can be told from one reading."""
        own = self._own
        amps = [values.get(f"current_{phase}") for phase in "abc"]
        volts = [values.get(f"voltage_{phase}") for phase in "abc"]
        power, share = values.get("active_power"), None
        by_phase = all(a is not None for a in amps) and all(v is not None for v in volts)
        if self._rated and (by_phase or power is not None):
            products = [(a or 0) * (v or 0) / 1000 for a, v in zip(amps, volts, strict=True)]
            kva = sum(products) if by_phase else hypot(power or 0.0, values.get("reactive_power") or 0.0)
            share = kva / self._rated
            margin = own["margin_share"]
            yield "overload", share, own["overload_share"], margin
            yield "heavy_load", share, own["heavy_share"], margin
        if share is not None and by_phase:
            top = max(abs(a or 0) for a in amps)
            uneven = (top - min(abs(a or 0) for a in amps)) / top if top else 0.0
            loaded = share >= own["unbalance_load_share"]
            yield "current_unbalance", uneven if loaded else 0.0, own["unbalance_share"], margin
        if self._rated and power is not None:
            yield "reverse_power", -power / self._rated, own["reverse_share"], 0.0
        oil = values.get("oil_temperature")
        if oil is not None:
            yield "oil_temperature_high", oil, own["oil_high"], OIL_MARGIN_K
        ambient = values.get("ambient_temperature")
        if oil is not None and ambient is not None and share is not None:
            excess = self._oil.excess(at, share, ambient, oil)
            yield "oil_temperature_unexplained", excess, own["oil_excess_k"], OIL_MARGIN_K

    def claims(self) -> Iterator[tuple[str, Claim | None]]:
        """What to say now, by key; None: it is over."""
        for kind in self._ended:
            yield kind, None
        self._ended.clear()
        over = self.outside.get("overload")
        for kind, outside in self.outside.items():
            explained = kind == "heavy_load" and over is not None and over.stage == "confirmed"
            if outside.stage and not explained:
                yield kind, self._claim(kind, outside)
            elif explained:
                yield kind, None

    def _claim(self, kind: str, outside: Outside) -> Claim:
        severity = SEVERITY[kind]
        if kind == "oil_temperature_high" and outside.worst > self._own["oil_limit"]:
            severity = "critical"
        if kind == "overload" and outside.worst > self._own["emergency_share"]:
            severity = "critical"
        return Claim(
            type=kind,
            node=self._node,
            state="confirmed" if outside.stage == "confirmed" else "suspected",
            severity=severity,
            started_at=outside.since,
            started_after=outside.after,
            evidence=(f"at worst {outside.worst:.2f} for {outside.held_s / 60:.0f} min",),
            figures={"worst": round(outside.worst, 4), "held_s": outside.held_s},
        )

    def holds(self, kind: str) -> bool:
        """Whether this is outside its limit."""
        return kind in self.outside

    def dump(self) -> object:
        """Its state as plain data."""
        outside = {kind: asdict(outside) for kind, outside in self.outside.items()}
        return {"node": self._node, "outside": outside, "ended": self._ended, "oil": self._oil.state}

    def load(self, kept: object) -> None:
        """Take up the state that `dump` gave."""
        assert isinstance(kept, dict)
        if kept["node"] != self._node:
            return  # another transformer
        self.outside = {kind: Outside(**outside) for kind, outside in kept["outside"].items()}
        self._ended = list(kept["ended"])
        if isinstance(oil := kept.get("oil"), list | tuple):
            self._oil.state = (float(oil[0]), float(oil[1]))
