"""Weak points that one answer shows: clocks that drift, supplies whose load is gone at once."""

from rules.area import Area, Device
from rules.incident import Severity
from rules.observation import Observation
from rules.remarks import Remarker
from rules.thresholds import Limits, of_class
from rules.witness import ALIVE, Witness


class WeakPoints(Remarker):
    """What one device's own values say about it."""

    def __init__(self, limits: Limits, area: Area) -> None:
        super().__init__(area)
        self._limits = limits["weak"]
        self._clocks = {kind: of_class(limits, "weak", kind) for kind in {device.kind for device in area.devices}}
        self._no_load = limits["report"]["no_load_a"]
        self._nominal = area.nominal_voltage

    def take(self, seen: Observation, witness: Witness) -> bool:
        """A device answered; whether there is something to say."""
        values = seen.values
        offset = values.get("clock_offset")
        if offset is not None:
            self._clock(witness.device, seen.at, offset)
        if witness.single:
            self._load(witness)
        return bool(self.news)

    def _clock(self, device: Device, at: float, offset: float) -> None:
        key, far, own = f"clock/{device.id}", abs(offset), self._clocks[device.kind]
        if far > own["clock_s"]:
            serious = far > own["clock_alarm_s"]
            says = f"its clock is off by {offset:.0f} s"
            severity: Severity = "minor" if serious else "info"
            self.say(key, "clock_drift", device.id, at, says, {"offset_s": offset}, severity=severity)
        else:
            self.over(key)

    def _load(self, witness: Witness) -> None:
        key, amps = f"load/{witness.device.id}", witness.drawn_amps(self._nominal)
        usual = (witness.usual or 0.0) * 1000 / self._nominal  # A
        alive = witness.state[witness.places[0]] == ALIVE
        if amps is None or amps >= self._no_load or witness.relay_open or not alive:
            if witness.idle_at:
                witness.idle_at = 0.0
                self.over(key)
        elif not witness.idle_at:
            witness.idle_at = witness.at if usual > 10 * self._no_load else 0.0
        elif witness.at - witness.idle_at >= self._limits["no_load_s"]:
            says = "it has voltage and all load is gone at once, the base load too: look behind the meter"
            self.say(key, "customer_side_fault", witness.device.id, witness.idle_at, says, {})
