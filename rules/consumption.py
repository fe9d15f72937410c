"""Meters whose consumption does not fit: registers that fall, freeze or miscount, current of which no power comes."""

from collections.abc import Mapping
from math import hypot

from rules.area import Area
from rules.fit import coarse
from rules.observation import Observation
from rules.remarks import Remarker
from rules.thresholds import Limits
from rules.witness import ALIVE, Witness

START, AT, DRAWN, GROSS, FROM, LAST, STILL, HOLLOW, IMPORT, REPLACED = range(10)
"""Places in a witness's window: begin of the day that is summed up and newest reading in it; kWh by the readings of its
power since, signed and not; register at the begin and lately, kWh (NEVER before the first); kWh by its power when
the register last moved; since when its current gives no power (0: it does); register of what was imported, kWh, and
when that last fell."""

DAY_S = 86_400.0
NEVER = -1e6  # a register that was not read yet, kWh
_POWERS = tuple((f"active_power_{phase}", f"reactive_power_{phase}") for phase in "abc")


class Consumption(Remarker):
    """Holds a meter's register against its own power, and its power against its own voltage and current."""

    def __init__(self, limits: Limits, area: Area) -> None:
        super().__init__(area)
        self._limits = limits["weak"]
        self._backwards_kwh = self._limits["backwards_kwh"]
        self._poll = area.poll_period_s
        self._kw_for_an_ampere = self._limits["hollow_share"] * 1.2 * area.nominal_voltage / 1000  # at any voltage

    def take(self, seen: Observation, witness: Witness) -> bool:
        """A device was read; whether there is something to say."""
        values, power = seen.values, seen.values.get("active_power")
        energy, export = values.get("energy_import"), values.get("energy_export")
        net = None if energy is None else energy - (export or 0.0)
        if net is not None:
            witness.energy, witness.energy_at = net, seen.at
        if witness.device.kind != "meter":
            return False
        run = witness.windows.get("energy")
        if run is None:
            run = witness.windows["energy"] = [seen.at, seen.at, 0, 0, NEVER, NEVER, 0, 0, NEVER, 0]
        if energy is not None:
            if energy < run[IMPORT] - self._backwards_kwh:
                self._replaced(run, witness, seen.at, run[IMPORT] - energy)
            run[IMPORT] = energy
        if power is not None:
            if run[HOLLOW] or abs(power) < self._kw_for_an_ampere * (witness.amps or 0.0):
                self._hollow(run, values, witness)
            if energy is not None or run[LAST] != NEVER:
                self._count(run, witness, power if export is not None else max(0.0, power), net)
        return bool(self.news)

    def _count(self, run: list[float], witness: Witness, power: float, net: float | None) -> None:
        """Add up what the power says was drawn since the last reading."""
        passed, run[AT] = witness.at - run[AT], witness.at
        if passed <= witness.pause(self._poll):
            drawn = power * passed / 3600
            run[DRAWN] = coarse(run[DRAWN] + drawn, 1e6)
            run[GROSS] = coarse(run[GROSS] + abs(drawn), 1e6)
            if net is not None:
                self._register(run, net, power, witness)
        elif net is not None:
            self._skip(run, net)
        if run[AT] - run[START] >= DAY_S:
            self._close_day(run, witness)

    def _replaced(self, run: list[float], witness: Witness, at: float, fell: float) -> None:
        run[FROM], run[REPLACED] = NEVER, at
        if (witness.power or 0.0) < 0 or (witness.usual or 0.0) < 0:
            return  # some registers count what is fed in backwards
        key, says = f"register/{witness.device.id}", f"its register fell by {fell:.2f} kWh: replaced or reset"
        self.say(key, "register_backwards", witness.device.id, at, says, {"fell_kwh": round(fell, 2)})
        self.over(key)

    def _register(self, run: list[float], net: float, power: float, witness: Witness) -> None:
        """A register was read: has it moved with what was drawn?"""
        device, key = witness.device.id, f"frozen/{witness.device.id}"
        if run[FROM] == NEVER:
            run[FROM] = net - run[DRAWN]  # the first, or one that was replaced: as if it had fitted so far
        still = net == run[LAST] and power > 0
        run[LAST] = net
        if not still:
            run[STILL] = run[DRAWN]
            self.over(key)
        elif (lacks := run[DRAWN] - run[STILL]) > self._limits["frozen_kwh"]:
            says = f"its register has stood at {net:.2f} kWh while {lacks:.2f} kWh were drawn by its own power"
            figures = {"register_kwh": round(net, 2), "drawn_kwh": round(lacks, 2)}
            self.say(key, "register_frozen", device, run[AT], says, figures)

    def _skip(self, run: list[float], net: float) -> None:
        """Nobody knows what was drawn since the last reading: what the register counted meanwhile does not count."""
        if run[FROM] != NEVER:
            run[FROM] += net - run[LAST]
        run[LAST], run[STILL] = net, run[DRAWN]

    def _close_day(self, run: list[float], witness: Witness) -> None:
        """What the register counted in a day against what the readings of its power add up to."""
        device, key = witness.device.id, f"counts/{witness.device.id}"
        drawn, counted = run[DRAWN], run[LAST] - run[FROM]
        all_of_it = max(run[GROSS], abs(counted))
        if run[FROM] != NEVER and all_of_it >= self._limits["misfit_least_kwh"]:
            off = abs(counted - drawn) / all_of_it
            if off > self._limits["misfit_share"]:
                says = f"in a day its register counted {counted:.1f} kWh where its own power adds up to {drawn:.1f} kWh"
                figures = {"counted_kwh": round(counted, 2), "drawn_kwh": round(drawn, 2)}
                self.say(key, "consumption_misfit", device, run[START], says, figures)
            else:
                self.over(key)
        run[START], run[DRAWN], run[GROSS], run[FROM], run[STILL] = run[AT], 0.0, 0.0, run[LAST], run[STILL] - drawn

    def _hollow(self, run: list[float], values: Mapping[str, float | None], witness: Witness) -> None:
        """Current that flows at a healthy voltage and gives no power: a connection of the meter is open or crossed."""
        flows = self._flowing(witness)
        shown = shown_kva(values, witness)
        if flows is None or shown is None:
            return
        key, device = f"hollow/{witness.device.id}", witness.device.id
        if shown >= self._limits["hollow_share"] * flows:
            run[HOLLOW] = 0
            self.over(key)
            return
        run[HOLLOW] = run[HOLLOW] or witness.at
        if witness.at - run[HOLLOW] >= self._limits["hollow_s"]:
            says = f"voltage and current make {flows:.2f} kVA, of which it shows {shown:.2f}"
            figures = {"flows_kva": round(flows, 3), "shown_kva": round(shown, 3)}
            cause = "a circuit of the meter is open or crossed"
            self.say(key, "consumption_misfit", device, run[HOLLOW], says, figures, cause=cause)

    def _flowing(self, witness: Witness) -> float | None:
        """What voltage and current make, kVA; None: too little to tell, or no healthy supply."""
        volts = [v for p in witness.places if witness.state[p] == ALIVE and (v := witness.volts[p]) is not None]
        if len(volts) < len(witness.places) or witness.amps is None or witness.amps < self._limits["hollow_least_a"]:
            return None
        return sum(volts) / len(volts) * witness.amps / 1000


def shown_kva(values: Mapping[str, float | None], witness: Witness) -> float | None:
    """The power that a meter shows, kVA, phases not set off against each other; None: it does not tell."""
    pairs = (("active_power", "reactive_power"),) if len(witness.places) == 1 else _POWERS
    shown = [hypot(active, values.get(q) or 0.0) for p, q in pairs if (active := values.get(p)) is not None]
    return sum(shown) if len(shown) == len(witness.places) else None
