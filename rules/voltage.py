"""Supply voltage outside its limits: held per device, gathered to the node that explains all of them."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict

from rules.area import Area
from rules.book import Claim
from rules.dips import Dips
from rules.threshold import Band, Outside, step
from rules.thresholds import Limits
from rules.topology import Tree
from rules.witness import ALIVE, Witness

KINDS = ("low_voltage", "over_voltage")


class Voltage:
    """Every device that is, or lately was, outside the limits."""

    def __init__(self, tree: Tree, witnesses: Mapping[str, Witness], limits: Limits, area: Area) -> None:
        self._tree = tree
        self._witnesses = witnesses
        own, nominal = limits["voltage"], area.nominal_voltage
        self._bad = {"low_voltage": own["low_share"] * nominal, "over_voltage": own["high_share"] * nominal}
        margin = own["margin_share"] * nominal
        self._good = {
            "low_voltage": self._bad["low_voltage"] + margin,
            "over_voltage": self._bad["over_voltage"] - margin,
        }
        self._severe = {
            "low_voltage": own["severe_low_share"] * nominal,
            "over_voltage": own["severe_high_share"] * nominal,
        }
        self._severe_hold = own["severe_hold_s"]
        self._band = Band(own["prealarm_s"], own["hold_s"], own["clear_s"], 2.5 * area.poll_period_s)
        self.outside: dict[str, dict[str, Outside]] = {kind: {} for kind in KINDS}
        self._dips = Dips(tree, witnesses, limits, area)
        self._groups: dict[str, list[str]] = {}  # devices that were surely outside since the feeder was, by key

    def take(self, witness: Witness) -> bool:
        """A device was read; whether an incident may have changed."""
        volts = [v for p in witness.places if witness.state[p] == ALIVE and (v := witness.volts[p]) is not None]
        if witness.device.kind == "neighbour_ttu":
            return False
        dip = self._dips.take(witness)
        if not volts:
            return dip
        low = self._sample("low_voltage", witness, min(volts), sign=-1)
        high = self._sample("over_voltage", witness, max(volts), sign=1)
        return low or high or dip

    def _sample(self, kind: str, witness: Witness, volt: float, sign: int) -> bool:
        bad = sign * (volt - self._bad[kind]) > 0
        was = self.outside[kind].get(witness.device.id)
        if was is None:
            if bad:
                witness.watched = True
                self.outside[kind][witness.device.id] = Outside(
                    witness.at, witness.at - witness.interval, witness.at, worst=volt
                )
            return False
        good = sign * (volt - self._good[kind]) < 0
        was.worst = max(was.worst, volt, key=lambda v: sign * v)
        severe = sign * (volt - self._severe[kind]) > 0
        was.severe_s = was.severe_s + min(witness.at - was.at, self._band.gap_s) if severe else 0.0
        change = step(self._band, was, witness.at, bad=bad, good=good)
        if was.stage != "confirmed" and was.severe_s >= self._severe_hold:
            was.stage = change = "confirmed"
        if change in ("cleared", "cancelled"):
            del self.outside[kind][witness.device.id]
            witness.watched = any(witness.device.id in outside for outside in self.outside.values())
        return change is not None

    @property
    def waiting(self) -> bool:
        """Whether there are dips that others may still be told with."""
        return bool(self._dips.seen)

    def forget(self, device: str) -> None:
        """Something else explains this device's voltage."""
        for kind in KINDS:
            self.outside[kind].pop(device, None)
        self._dips.forget(device)
        self._witnesses[device].watched = False

    def claims(self) -> Iterator[tuple[str, Claim | None]]:
        """What to say now, by key; None: it is over."""
        groups: dict[str, list[str]] = {}
        widest: dict[str, list[str]] = {}
        for kind in KINDS:
            for device, outside in self.outside[kind].items():
                if outside.stage:
                    feeder = self._tree.feeder(self._tree.devices[device].node) or ""
                    groups.setdefault(f"{kind}/{feeder}", []).append(device)
        for key in sorted(self._groups.keys() - groups.keys()):
            yield key, None
        for key, devices in groups.items():
            kind = key.split("/")[0]
            sure = {device for device in devices if self.outside[kind][device].stage == "confirmed"}
            widest[key] = sorted(sure.union(self._groups.get(key, ())))
            yield key, self._claim(kind, devices, widest[key])
        self._groups = widest
        yield from self._dips.claims()

    def _claim(self, kind: str, devices: list[str], sure: list[str]) -> Claim:
        """The group as it is now, at the node of all that were surely outside: recovering one by one moves nothing."""
        told = self.outside[kind]
        counted = sorted(sure or devices)
        node = self._tree.common(counted) if len(counted) > 1 else self._tree.devices[counted[0]].node
        meters = tuple(device for device in counted if self._tree.devices[device].kind == "meter")
        now = [told[device] for device in devices]
        worst = max((outside.worst for outside in now), key=lambda v: v if kind == "over_voltage" else -v)
        severe = worst > self._severe[kind] if kind == "over_voltage" else worst < self._severe[kind]
        return Claim(
            type=kind,
            node=node,
            state="confirmed" if sure else "suspected",
            severity="critical" if severe else "major" if sure else "minor",
            started_at=min(outside.since for outside in now),
            started_after=min(outside.after for outside in now),
            devices=meters,
            equivalents=self._tree.equivalents(node),
            evidence=(
                f"{len(counted)} devices below {node} read beyond {self._bad[kind]:.1f} V, at worst {worst:.1f} V",
            ),
            figures={"worst_v": worst, "limit_v": round(self._bad[kind], 2), "devices": float(len(counted))},
        )

    def dump(self) -> object:
        """Its state as plain data."""
        kept = {kind: {d: asdict(o) for d, o in devices.items()} for kind, devices in self.outside.items()}
        groups = {key: list(devices) for key, devices in self._groups.items()}
        return {"outside": kept, "groups": groups, "dips": self._dips.dump()}

    def load(self, kept: object) -> None:
        """Take up the state that `dump` gave."""
        assert isinstance(kept, dict)
        self.outside = {k: {d: Outside(**o) for d, o in devices.items()} for k, devices in kept["outside"].items()}
        self._groups = kept["groups"]
        self._dips.load(kept.get("dips", [{}, {}]))
