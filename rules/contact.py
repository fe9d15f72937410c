"""Voltages that do not fit the neighbours': behind them as the own current rises, or off whatever is drawn."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import exp, hypot
from statistics import median

from rules.area import Area
from rules.fit import Line, add, line
from rules.observation import Observation
from rules.remarks import Remarker
from rules.thresholds import Limits
from rules.witness import Witness

EVERY_S = 150.0  # between two samples: readings soon after each other tell the same
MEMORY_S, MEMORY = 12 * 3600.0, 96  # how long a sample counts, and for how many samples at least
LOAD_S = 900.0  # as long as loads last, about: samples within it are as good as one
TOGETHER, TOGETHER_S = 0.25, 90.0  # readings no further apart, as a share of a poll and at most, are of one moment
VOLT = 0.1  # what meters resolve
SURE = 4.0  # standard errors
MOST_OHM = 1.0  # that a neighbour's own supply is believed to have
MATES = 2  # neighbours that must agree before it is the meter and not the neighbour whose voltage is off
DAY_S = 86_400.0
WEEK = 1 / 7  # weight of a day in what is usual
AT, DAY, USUAL, ERROR, DAYS = range(5)
"""Places in a witness's window: its newest sample, begin of its day, usual impedance in ohm, its standard error,
and days that it was learned from."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What an impedance is held to."""

    ohm: float
    above_peers: float  # ohm
    rise: float  # share, in a week
    rise_ohm: float  # ohm, at least


class Contact(Remarker):
    """Fits, for every meter, the voltage it lacks against the current it draws: the slope is an impedance in ohm.

    Only meters that are read at about the same time are compared: otherwise the impedance of the line up to their box
    would count as well, for the load that one has when it is read has often gone when the other is.
    """

    def __init__(self, witnesses: Mapping[str, Witness], limits: Limits, area: Area) -> None:
        super().__init__(area)
        own = limits["weak"]
        self._bounds = Bounds(
            own["contact_ohm"], own["contact_peers_ohm"], own["contact_rise_share"], own["contact_rise_ohm"]
        )
        self._samples = own["contact_samples"]
        self._off_v = own["voltage_misfit_share"] * area.nominal_voltage
        self._poll = area.poll_period_s
        self._groups: dict[str, list[Witness]] = {}  # by meter: all of its box and phase
        self._boxes: dict[str, list[Witness]] = {}  # by node: all single-phase meters
        for witness in witnesses.values():
            if witness.single:
                self._boxes.setdefault(witness.device.node, []).append(witness)
        for box in self._boxes.values():
            for witness in box:
                group = [one for one in box if one.places == witness.places]
                if len(group) > 1:
                    self._groups[witness.device.id] = group

    def take(self, _: Observation, witness: Witness) -> bool:
        """A meter was read; whether there is something to say."""
        group = self._groups.get(witness.device.id)
        run = witness.windows.get("contact")
        if group is None or (run is not None and witness.at - run[AT] < EVERY_S):
            return False
        at = witness.at
        sampled = max([one.windows["contact"][AT] for one in group if "contact" in one.windows], default=0.0)
        if at - sampled < EVERY_S:
            return False
        spacing = witness.period or self._poll
        together_s = min(TOGETHER_S, TOGETHER * spacing)
        well = [one for one in group if one.is_well and one.amps is not None]
        now = [one for one in well if at - one.at <= together_s]
        late = at - sampled > 2 * max(EVERY_S, spacing)  # they never are all read at about the same time
        if len(now) < 2 or (len(now) < len(well) and not late):
            return False
        place = witness.places[0]
        volts = [one.volts[place] or 0.0 for one in now]
        before = [volt + self._drop(one) for volt, one in zip(volts, now, strict=True)]  # what each has at the bar
        for number, one in enumerate(now):
            mates = before[:number] + before[number + 1 :]
            self._sample(one, median(mates) - volts[number], at, spacing, certain=len(mates) >= MATES)
        return bool(self.news)

    def _drop(self, witness: Witness) -> float:
        """What the supply of a meter takes of its voltage now, as far as is known."""
        fit = witness.fit
        ohm = line(fit, VOLT).slope if fit[0] >= self._samples else 0.0
        return min(max(0.0, ohm), MOST_OHM) * _amps(witness)

    def _sample(self, witness: Witness, lacking: float, at: float, spacing: float, *, certain: bool) -> None:
        witness.unsaved = True
        run = witness.windows.get("contact")
        if run is None:
            run = witness.windows["contact"] = [at, at, 0.0, 0.0, 0]
        keep = exp((run[AT] - at) / max(MEMORY_S, MEMORY * spacing))
        run[AT] = at
        add(witness.fit, _amps(witness), lacking, keep)
        if witness.fit[0] < self._samples:
            return
        name, alike = witness.device.id, max(1.0, LOAD_S / max(EVERY_S, spacing))
        if name in self.said:
            self._look_anew(witness, lacking, alike)
        fitted = line(witness.fit, VOLT, alike)
        self._judge(witness, fitted, run)
        if at - run[DAY] >= DAY_S:
            _learn(run, fitted, at)
        loose = fitted.slope > SURE * fitted.error
        off = abs(fitted.offset if loose else witness.fit[2] / witness.fit[0])
        if off > self._off_v and certain:
            says = f"its voltage is {off:.1f} V off its neighbours' on the same phase whatever it draws"
            cause = "it is on another phase or in another place than the topology says, or measures wrongly"
            figures = {"off_v": round(off, 2), "limit_v": round(self._off_v, 2)}
            self.say(f"off/{name}", "voltage_misfit", name, at, says, figures, cause=cause)
        elif off < self._off_v / 2:
            self.over(f"off/{name}")

    def _look_anew(self, witness: Witness, lacking: float, alike: float) -> None:
        """A contact that was mended shows it in samples taken since, long before those taken earlier are forgotten."""
        anew = witness.windows.setdefault("mended", [0.0] * len(witness.fit))
        add(anew, _amps(witness), lacking, 1.0)
        fitted = line(anew, VOLT, alike)
        mended = fitted.slope + SURE * fitted.error < line(witness.fit, VOLT).slope / 2
        if anew[0] >= self._samples and mended:
            witness.fit[:] = anew
        if anew[0] >= (self._samples if mended else 2 * self._samples):
            del witness.windows["mended"]

    def _judge(self, witness: Witness, fitted: Line, run: Sequence[float]) -> None:
        """Hold an impedance against its limit, the neighbours' and its own of the days before."""
        name, ohm, own = witness.device.id, fitted.slope, self._bounds
        sure = SURE * fitted.error
        rise = ohm - run[USUAL] if run[DAYS] >= 1 / WEEK else 0.0
        risen = rise / max(own.rise_ohm, own.rise * run[USUAL], SURE * hypot(fitted.error, run[ERROR]))
        if max(ohm / own.ohm, ohm / own.above_peers, risen) < 1 / 2:
            self.over(name)
            return
        peers = self._peers(witness)
        beside = 0.0 if peers is None else (ohm - peers) / max(own.above_peers, sure)
        says = f"its voltage falls by {ohm:.2f} V for every ampere that it draws"
        if ohm > max(own.ohm, sure) or beside > 1:
            usual = "" if peers is None else f"; usual in its box are {peers:.2f} V"
            self._loose(witness, says + usual, ohm)
        elif risen > 1:
            self._loose(witness, f"{says}, {rise:.2f} V more than in the week before", ohm)
        elif max(ohm / own.ohm, beside, risen) < 1 / 2:
            self.over(name)

    def _loose(self, witness: Witness, says: str, ohm: float) -> None:
        name, cause = witness.device.id, "a loose or corroded contact, or a service too thin"
        self.say(name, "loose_connection", name, witness.at, says, {"ohm": round(ohm, 3)}, cause=cause)

    def _peers(self, witness: Witness) -> float | None:
        """What is usual in its box, ohm; None when too few there can tell."""
        box = (one.fit for one in self._boxes[witness.device.node] if one is not witness)
        ohms = [line(fit, VOLT).slope for fit in box if fit[0] >= self._samples]
        return max(0.0, median(ohms)) if len(ohms) >= MATES else None


def _amps(witness: Witness) -> float:
    """What a meter draws, A; negative when it feeds in."""
    amps = witness.amps or 0.0
    return -amps if (witness.power or 0.0) < 0 else amps


def _learn(run: list[float], fitted: Line, at: float) -> None:
    """A day is over: what is usual moves, at the same hour of every day."""
    share = max(WEEK, 1 / (run[DAYS] + 1))
    run[USUAL] = round(run[USUAL] + share * (fitted.slope - run[USUAL]), 5)
    run[ERROR] = round(hypot((1 - share) * run[ERROR], share * min(fitted.error, 1.0)), 5)
    run[DAYS], run[DAY] = run[DAYS] + 1, at
