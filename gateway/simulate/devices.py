"""Simulated devices for the rows of devices.csv, holding what the simulated area lets them measure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from drivers.sim.api import SimulatedDevice
from drivers.sim.dlt645 import SimulatedMeter
from drivers.sim.modbus import SimulatedModbus
from gateway.catalog import catalog
from gateway.settings.models import Device
from gateway.simulate.simulation import Snapshot

MAKERS: Mapping[str, Callable[[Device], SimulatedDevice]] = {
    "dlt645": lambda row: SimulatedMeter(row.profile, row.address),
    "modbus": lambda row: SimulatedModbus(row.profile, row.address),
    "modbus-tcp": lambda row: SimulatedModbus(row.profile, row.address, framing="tcp"),
}


@dataclass(frozen=True, slots=True)
class Instrument:
    """A device on a line and the row that describes it."""

    row: Device
    device: SimulatedDevice

    def show(self, snapshot: Snapshot, clock: float) -> None:
        """Let the device hold what it measures at this moment, or fall silent. `clock`: what time it thinks it is."""
        self.device.powered = self.row.id not in snapshot.silent
        values = snapshot.values.get(self.row.id, {})
        for point, value in values.items():
            if point in self.row.profile.points:
                self.device.set(point, value / ratio(self.row, point))
        if "clock" in self.row.profile.points:
            self.device.set("clock", _local(clock))


def instruments(rows: Sequence[Device]) -> list[Instrument]:
    """A simulated device for every row. Raises LookupError for a protocol that has no simulated device."""
    for row in rows:
        if row.driver not in MAKERS:
            raise LookupError(f"{row.id}: there is no simulated device that speaks {row.driver!r}")
    return [Instrument(row, MAKERS[row.driver](row)) for row in rows]


def _local(at: float) -> str:
    """The time of this machine's zone, as meters keep it: without saying so."""
    return datetime.fromtimestamp(at, UTC).astimezone().replace(tzinfo=None).isoformat(timespec="seconds")


def ratio(row: Device, point: str) -> float:
    """What a device behind instrument transformers shows is this much smaller than what is there."""
    match catalog()[point].ratio:
        case "ct":
            return row.ct
        case "pt":
            return row.pt
        case "ctpt":
            return row.ct * row.pt
        case _:
            return 1.0
