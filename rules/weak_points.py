"""Weak points before they fail: clocks that drift, meters that miscount, supplies without load, lost energy."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace

from rules.area import Area, Device
from rules.book import Claim
from rules.consumption import Consumption
from rules.incident import Severity
from rules.observation import Observation
from rules.remarks import Remarks
from rules.thresholds import Limits, of_class
from rules.topology import Tree
from rules.witness import ALIVE, Witness

DAY_HOURS = 24


@dataclass(slots=True)
class Balance:
    """Energy of the area over the hour that runs, and how much of the last hours was lost."""

    since: float
    start: dict[str, float]  # register by device, kWh, import less export
    lossy: int = 0  # hours in a row with too much loss
    share: float = 0.0
    hours: int = 0  # of the day that runs, that were judged
    given: float = 0.0  # kWh in them
    taken: float = 0.0
    daily: bool = False  # the last day lost too much


class WeakPoints:
    """What one device's own values say about it, and what all registers say together."""

    def __init__(self, tree: Tree, witnesses: Mapping[str, Witness], limits: Limits, area: Area) -> None:
        self._tree = tree
        self._witnesses = witnesses
        self._limits = limits["weak"]
        self._clocks = {kind: of_class(limits, "weak", kind) for kind in {device.kind for device in area.devices}}
        self._no_load = limits["report"]["no_load_a"]
        self._nominal = area.nominal_voltage
        self._meters = [device.id for device in area.devices if device.kind == "meter"]
        self._terminal = next((device.id for device in area.devices if device.kind == "ttu"), "")
        self._poll = area.poll_period_s
        self._remarks = Remarks()
        self._consumption = Consumption(limits, area, self._remarks)
        self._strangers: dict[str, float] = {}
        self._balance: Balance | None = None

    def take(self, seen: Observation, witness: Witness) -> bool:
        """A device answered; whether there is something to say."""
        values = seen.values
        offset = values.get("clock_offset")
        if offset is not None:
            self._clock(witness.device, seen.at, offset)
        self._consumption.take(seen, witness)
        if witness.single:
            self._load(witness)
        closed = seen.device == self._terminal and self._close_hour(seen.at)
        return closed or bool(self._remarks.news)

    def stranger(self, seen: Observation) -> bool:
        """A device answered that the topology does not know; whether there is something to say."""
        if seen.fault is not None:
            return False
        first = self._strangers.setdefault(seen.device, seen.at)
        if seen.at > first:
            says = "it answers and stands in no list of this area: replaced, added, or listened in from elsewhere"
            self._remarks.say(f"unknown/{seen.device}", "unknown_device", seen.device, first, says, {}, devices=())
        return bool(self._remarks.news)

    def claims(self) -> Iterator[tuple[str, Claim | None]]:
        """What to say now, by key; None: it is over."""
        return self._remarks.claims()

    def _clock(self, device: Device, at: float, offset: float) -> None:
        key, far, own = f"clock/{device.id}", abs(offset), self._clocks[device.kind]
        if far > own["clock_s"]:
            serious = far > own["clock_alarm_s"]
            says = f"its clock is off by {offset:.0f} s"
            severity: Severity = "minor" if serious else "info"
            self._remarks.say(key, "clock_drift", device.id, at, says, {"offset_s": offset}, severity=severity)
        else:
            self._remarks.over(key)

    def _load(self, witness: Witness) -> None:
        key, amps = f"load/{witness.device.id}", witness.amps
        usual = (witness.usual or 0.0) * 1000 / self._nominal  # A
        alive = witness.state[witness.places[0]] == ALIVE
        if amps is None or amps >= self._no_load or witness.relay_open or not alive:
            if witness.idle_at:
                witness.idle_at = 0.0
                self._remarks.over(key)
        elif not witness.idle_at:
            witness.idle_at = witness.at if usual > 10 * self._no_load else 0.0
        elif witness.at - witness.idle_at >= self._limits["no_load_s"]:
            says = "it has voltage and all load is gone at once, the base load too: look behind the meter"
            self._remarks.say(key, "customer_side_fault", witness.device.id, witness.idle_at, says, {})

    def _close_hour(self, at: float) -> bool:
        """At the end of every hour: what the terminal gave against what the meters took."""
        balance = self._balance
        if balance is not None and at - balance.since < 3600:
            return False
        now = self._registers(at)
        if balance is not None and len(now) == len(balance.start) == len(self._meters) + 1:
            self._judge(balance, now, at)
        self._balance = replace(balance, since=at, start=now) if balance else Balance(at, now)
        return True

    def _registers(self, at: float) -> dict[str, float]:
        """Registers that were read lately, by device."""
        witnesses = (self._witnesses[device] for device in (*self._meters, self._terminal))
        return {
            w.device.id: w.energy for w in witnesses if w.energy is not None and at - w.energy_at < w.pause(self._poll)
        }

    def _judge(self, balance: Balance, now: Mapping[str, float], at: float) -> None:
        given = now[self._terminal] - balance.start[self._terminal]
        taken = sum(now[meter] - balance.start[meter] for meter in self._meters)
        balance.hours, balance.given, balance.taken = balance.hours + 1, balance.given + given, balance.taken + taken
        if balance.hours >= DAY_HOURS:
            self._judge_day(balance, at)
        if given < self._limits["loss_least_kwh"]:
            return
        share = (given - taken) / given
        balance.share = share
        balance.lossy = balance.lossy + 1 if share > self._limits["loss_share"] else 0
        if balance.lossy >= self._limits["loss_hours"]:
            self._lost(given, taken, at - 3600 * balance.lossy, "hour")
        elif balance.lossy == 0 and not balance.daily:
            self._remarks.over("loss")

    def _judge_day(self, balance: Balance, at: float) -> None:
        """A day tells also of areas whose hours are too small to judge, and of losses that come and go."""
        given, taken = balance.given, balance.taken
        enough = given >= self._limits["loss_least_kwh"]
        balance.daily = enough and (given - taken) / given > self._limits["loss_share"]
        if balance.daily:
            self._lost(given, taken, at - 3600 * balance.hours, "day")
        elif balance.lossy == 0:
            self._remarks.over("loss")
        balance.hours, balance.given, balance.taken = 0, 0.0, 0.0

    def _lost(self, given: float, taken: float, since: float, period: str) -> None:
        share = (given - taken) / given
        says = f"of {given:.1f} kWh the meters took {taken:.1f}: {share:.0%} lost in the last {period}"
        top = self._tree.devices[self._terminal].node
        figures = {"given_kwh": round(given, 2), "taken_kwh": round(taken, 2), "share": round(share, 4)}
        self._remarks.say("loss", "line_loss", top, since, says, figures, devices=tuple(self._meters))

    def dump(self) -> object:
        """Its state as plain data."""
        return [self._strangers, asdict(self._balance) if self._balance else None, sorted(self._remarks.said)]

    def load(self, kept: object) -> None:
        """Take up the state that `dump` gave."""
        assert isinstance(kept, list)
        self._strangers, balance, said = kept
        self._balance = Balance(**balance) if balance else None
        self._remarks.said.update(said)
