"""Supply voltage outside its limits: held per device, gathered to the node that explains all of them."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field

from rules.area import Area
from rules.book import Claim
from rules.dips import Dips
from rules.pace import spacing
from rules.threshold import Band, Outside, step
from rules.thresholds import Limits, of_class
from rules.topology import Tree
from rules.witness import ALIVE, Witness

KINDS = ("low_voltage", "over_voltage")
SHARE = 0.5  # of the longest time that one was outside: who was for so long is part of it, others only at times
STAYS = 0.4  # of it: who is part of it remains so
PEAK_S = 21_600.0  # about as long as a peak of load or sun lasts: the longest time counts as no more than this
AGAIN_S = 300.0  # how often it is looked who has been outside for so long by now


@dataclass(frozen=True, slots=True)
class Levels:
    """The limits of one class of devices, in V, by kind of incident."""

    bad: Mapping[str, float]
    good: Mapping[str, float]
    severe: Mapping[str, float]
    severe_hold_s: float
    band: Band


@dataclass(slots=True)
class Group:
    """Devices of one feeder that are outside for one cause."""

    since: float  # epoch seconds
    after: float
    sure: bool = False  # one of them was outside for so long that it is confirmed
    spent: dict[str, float] = field(default_factory=dict)  # s outside before those came back that did, by device
    parts: list[str] = field(default_factory=list)  # devices that it is made of, as told last


def _levels(own: Mapping[str, float], area: Area) -> Levels:
    nominal = area.nominal_voltage
    low, high, margin = own["low_share"] * nominal, own["high_share"] * nominal, own["margin_share"] * nominal
    severe_low, severe_high = own["severe_low_share"] * nominal, own["severe_high_share"] * nominal
    return Levels(
        bad=dict(zip(KINDS, (low, high), strict=True)),
        good=dict(zip(KINDS, (low + margin, high - margin), strict=True)),
        severe=dict(zip(KINDS, (severe_low, severe_high), strict=True)),
        severe_hold_s=own["severe_hold_s"],
        band=Band(own["prealarm_s"], own["hold_s"], own["clear_s"]),
    )


class Voltage:
    """Every device that is, or lately was, outside the limits."""

    def __init__(self, tree: Tree, witnesses: Mapping[str, Witness], limits: Limits, area: Area) -> None:
        self._tree = tree
        self._witnesses = witnesses
        self._levels = {
            kind: _levels(of_class(limits, "voltage", kind), area)
            for kind in sorted({device.kind for device in area.devices})
        }
        self.outside: dict[str, dict[str, Outside]] = {kind: {} for kind in KINDS}
        self._dips = Dips(tree, witnesses, limits, area)
        self._groups: dict[str, Group] = {}  # by key
        self._poll = area.poll_period_s
        self._gathered_at = 0.0  # when it last said something
        self.news = False  # whether there is something to say

    def take(self, witness: Witness) -> None:
        """A device was read: an incident may have changed."""
        self.news = self._changes(witness) or self.news

    def _changes(self, witness: Witness) -> bool:
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
        own = self._levels[witness.device.kind]
        bad, severe = (sign * (volt - level[kind]) > 0 for level in (own.bad, own.severe))
        was = self.outside[kind].get(witness.device.id)
        if was is None:
            if bad:
                witness.watched = True
                self.outside[kind][witness.device.id] = Outside(
                    witness.at, witness.at - witness.interval, witness.at, worst=volt, severe=severe
                )
            return False
        good = sign * (volt - own.good[kind]) < 0
        was.worst = max(was.worst, volt, key=lambda v: sign * v)
        gap_s = witness.pause(self._poll)
        was.severe_s = was.severe_s + min(witness.at - was.at, gap_s) if severe and was.severe else 0.0
        was.severe = severe
        change = step(own.band, was, witness.at, gap_s, bad=bad, good=good)
        if was.stage != "confirmed" and was.severe_s >= own.severe_hold_s:
            was.stage = change = "confirmed"
        if change in ("cleared", "cancelled"):
            del self.outside[kind][witness.device.id]
            if (group := self._groups.get(self._key(kind, witness.device.id))) is not None:
                spent = group.spent.get(witness.device.id, 0.0)
                group.spent[witness.device.id] = spent + was.held_s
            witness.watched = any(witness.device.id in outside for outside in self.outside.values())
        return change is not None

    def forget(self, device: str) -> None:
        """Something else explains this device's voltage."""
        for kind in KINDS:
            if self.outside[kind].pop(device, None) is not None:
                self.news = True  # its group is smaller, or over
            if (group := self._groups.get(self._key(kind, device))) is not None:
                group.spent.pop(device, None)
        self._dips.forget(device)
        self._witnesses[device].watched, self._witnesses[device].unsaved = False, True

    def claims(self, now: float) -> Iterator[tuple[str, Claim | None]]:
        """What to say now, by key; None: it is over. Gathered: not for every meter of a group a word of its own."""
        if not self.news and (not self._groups or now - self._gathered_at < AGAIN_S):
            return
        if now - self._gathered_at >= spacing(self._witnesses.values(), self._poll) / 4:
            self._gathered_at = now
            yield from self._grouped()
            self.news = bool(self._dips.seen)  # others may still be told with these

    def _key(self, kind: str, device: str) -> str:
        return f"{kind}/{self._tree.feeder(self._tree.devices[device].node) or ''}"

    def _grouped(self) -> Iterator[tuple[str, Claim | None]]:
        near: dict[str, dict[str, Outside]] = {}  # all that are outside, by key
        for kind in KINDS:
            for device, outside in self.outside[kind].items():
                near.setdefault(self._key(kind, device), {})[device] = outside
        lasting = {key: told for key, told in near.items() if any(outside.stage for outside in told.values())}
        for key in sorted(self._groups.keys() - lasting.keys()):
            del self._groups[key]
            yield key, None
        for key, told in lasting.items():
            staged = [outside for outside in told.values() if outside.stage]
            since, after = min(one.since for one in staged), min(one.after for one in staged)
            group = self._groups.setdefault(key, Group(since, after))
            group.since, group.after = min(group.since, since), min(group.after, after)
            group.sure = group.sure or any(one.stage == "confirmed" for one in staged)
            yield key, self._claim(key.split("/")[0], group, told)
        yield from self._dips.claims()

    def _claim(self, kind: str, group: Group, told: Mapping[str, Outside]) -> Claim:
        """The group at the node of all that are or were outside for long: recovering one by one moves nothing, and
        neither does who is outside only at times."""
        spent = dict(group.spent)
        for device, outside in told.items():
            spent[device] = spent.get(device, 0.0) + outside.held_s
        longest = min(PEAK_S, max(spent.values()))
        were = set(group.parts)
        counted = sorted(one for one, held in spent.items() if held >= (STAYS if one in were else SHARE) * longest)
        group.parts = counted
        node = self._tree.common(counted) if len(counted) > 1 else self._tree.devices[counted[0]].node
        meters = tuple(device for device in counted if self._tree.devices[device].kind == "meter")
        sign = 1 if kind == "over_voltage" else -1
        lead = max(told, key=lambda device: sign * told[device].worst)
        worst, own = told[lead].worst, self._levels[self._tree.devices[lead].kind]
        severe = sign * (worst - own.severe[kind]) > 0
        side = "above" if kind == "over_voltage" else "below"
        whom = "device" if len(counted) == 1 else "devices"
        says = [f"{len(counted)} {whom} at {node} read {side} {own.bad[kind]:.1f} V, at worst {worst:.1f} V"]
        if briefly := len(spent) - len(counted):
            says.append(f"{briefly} more on the same feeder did so for less than half as long")
        return Claim(
            type=kind,
            node=node,
            state="confirmed" if group.sure else "suspected",
            severity="critical" if severe else "major" if group.sure else "minor",
            started_at=group.since,
            started_after=group.after,
            devices=meters,
            equivalents=self._tree.equivalents(node),
            evidence=tuple(says),
            figures={"worst_v": worst, "limit_v": round(own.bad[kind], 2), "devices": float(len(counted))},
        )

    def holds(self, key: str) -> bool:
        """Whether a group lasts under a key."""
        return key in self._groups

    def dump(self) -> object:
        """Its state as plain data."""
        kept = {kind: {d: asdict(o) for d, o in devices.items()} for kind, devices in self.outside.items()}
        groups = {key: asdict(group) for key, group in self._groups.items()}
        spoken = [self.news, self._gathered_at]
        return {"outside": kept, "groups": groups, "dips": self._dips.dump(), "spoken": spoken}

    def load(self, kept: object) -> None:
        """Take up the state that `dump` gave."""
        assert isinstance(kept, dict)
        known = self._witnesses
        for kind, outside in kept["outside"].items():
            self.outside[kind] = {device: Outside(**one) for device, one in outside.items() if device in known}
        for key, group in kept["groups"].items():
            if key.partition("/")[2] in ("", *self._tree.nodes):
                group["spent"] = {device: held for device, held in group["spent"].items() if device in known}
                group["parts"] = [device for device in group["parts"] if device in known]
                self._groups[key] = Group(**group)
        self._dips.load(kept["dips"])
        news, self._gathered_at = kept["spoken"]
        self.news = news or self._groups.keys() != kept["groups"].keys()
