"""Names after IEC 61850-7-4 and topics as fusion terminals of Chinese utilities use them, as JSON.

    {app}/notify/spont/{gateway}/{device}    values of a device, each with its own time
    {app}/notify/event/{gateway}/{node}      alarms: val 1 when one comes, 0 when it goes

A point or an incident that has no such name keeps ours. Energy that a customer takes flows away from the busbar, and
that is demand (`DmdWh`) in the standard's words; what he feeds in is supply (`SupWh`).
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from gateway.catalog import catalog
from gateway.clock import iso
from gateway.north.faces.face import Seen, Told
from gateway.north.messages import LASTING, Message, level
from gateway.settings.models import Device, Site
from gateway.slim import slim_json

MEASURED: Mapping[str, str] = {
    "voltage": "PhV",
    "current": "A",
    "active_power": "W",
    "reactive_power": "VAr",
    "apparent_power": "VA",
    "power_factor": "PF",
    "voltage_thd": "ThdPhV",
    "current_thd": "ThdA",
    "winding_temperature": "HPTmp",
}
"""Points that a phase may follow."""

TOTALS: Mapping[str, str] = {
    "active_power": "TotW",
    "reactive_power": "TotVAr",
    "apparent_power": "TotVA",
    "power_factor": "TotPF",
    "frequency": "Hz",
    "neutral_current": "A_neut",
    "residual_current": "A_res",
    "energy_import": "DmdWh",
    "energy_export": "SupWh",
    "reactive_energy_import": "DmdVArh",
    "reactive_energy_export": "SupVArh",
    "ambient_temperature": "EnvTmp",
    "temperature": "Tmp",
    "door_open": "DoorAlm",
}
"""Points of a device as a whole."""

ALARMS: Mapping[str, str] = {
    "mv_outage": "PwrOffAlm",
    "transformer_outage": "PwrOffAlm",
    "area_outage": "PwrOffAlm",
    "feeder_outage": "PwrOffAlm",
    "branch_outage": "PwrOffAlm",
    "box_outage": "PwrOffAlm",
    "meter_outage": "PwrOffAlm",
    "mv_phase_loss": "PTUV_Loss_Op",
    "feeder_phase_loss": "PTUV_Loss_Op",
    "branch_phase_loss": "PTUV_Loss_Op",
    "box_phase_loss": "PTUV_Loss_Op",
    "meter_phase_loss": "PTUV_Loss_Op",
    "low_voltage": "PTUV_Op",
    "over_voltage": "PTOV_Op",
    "heavy_load": "PTOC_Hvld_Op",
    "overload": "PTOC_Ovld_Op",
    "current_unbalance": "ImbAAlm",
}
"""Alarms by type of incident; a protection's name is said for each phase."""

GOOD, INVALID = "0", "128"
"""Quality as IEC 60870-5-101 codes it."""


class Iec61850:
    """The face towards a master station of fusion terminals."""

    def __init__(self, site: Site, app: str) -> None:
        self._topic = f"{level(app)}/notify/{{}}/{level(site.id)}/{{}}"
        self._devices = {device.id: device for device in site.devices}

    def will(self) -> None:
        """The gateway's own state says when it is gone."""

    def listens(self) -> Sequence[str]:
        """Nothing: commands are the gateway's own."""
        return ()

    def births(self, standing: Sequence[Told]) -> Iterator[Message]:
        """Nothing: values name themselves, and alarms that last were said when they came."""
        del standing
        yield from ()

    def observed(self, seen: Sequence[Seen], history: bool) -> Iterator[Message]:
        """Values by device; what is late has its own time like the rest."""
        del history
        bodies: dict[str, list[dict[str, str]]] = {}
        for one in seen:
            bodies.setdefault(one.device, []).extend(self._values(one))
        latest = {one.device: one.at for one in seen}
        for device, body in bodies.items():
            if body:
                yield self._message("spont", device, f"{device}-{round(latest[device] * 1000)}", latest[device], body)

    def told(self, incident: Told, standing: Sequence[Told]) -> Iterator[Message]:
        """The alarm comes or goes; with the supply there is one for its return too."""
        del standing
        lasts = incident["state"] in LASTING
        names = [(name, lasts) for name in alarms(incident)]
        if "PwrOffAlm" in dict(names) and incident["state"] == "cleared":
            names.append(("PwrOnAlm", True))
        body = [{"name": name, **_entry("1" if on else "0", "", incident["at"])} for name, on in names]
        more = {"SOE": incident["id"], "type": incident["type"], "state": incident["state"], "code": incident["code"]}
        token = f"{incident['id']}-{round(incident['at'] * 1000)}"
        yield self._message("event", incident["node"], token, incident["at"], body, more)

    def heard(self, topic: str, payload: bytes, retained: bool) -> Iterator[Message]:
        """Nothing is listened to."""
        del topic, payload, retained
        yield from ()

    def _values(self, one: Seen) -> Iterator[dict[str, str]]:
        device = self._devices.get(one.device)
        for point, value in one.values.items():
            name = spoken(point, device)
            yield {"name": name, **_entry("" if value is None else f"{value:.10g}", _unit(point), one.at)}

    def _message(
        self,
        kind: str,
        about: str,
        token: str,
        at: float,
        body: Sequence[object],
        more: Mapping[str, Any] | None = None,
    ) -> Message:
        table = {"token": token, "timestamp": _time(at), **(more or {}), "body": body}
        return Message(self._topic.format(kind, level(about)), slim_json(table))


def spoken(point: str, device: Device | None = None) -> str:
    """The standard's name of a point; a single-phase meter's own values are those of the phase it hangs on."""
    stem, _, last = point.rpartition("_")
    if stem in MEASURED and last in ("a", "b", "c"):
        return f"{MEASURED[stem]}_phs{last.upper()}"
    if stem == "line_voltage" and last in ("ab", "bc", "ca"):
        return f"PPV_phs{last.upper()}"
    if point in TOTALS:
        return TOTALS[point]
    if point in ("voltage", "current"):
        phases = device.phases if device is not None else ""
        return f"{MEASURED[point]}_phs{phases}" if len(phases) == 1 else MEASURED[point]
    return point


def alarms(incident: Told) -> list[str]:
    """The names under which an incident is an alarm."""
    name = ALARMS.get(incident["type"], incident["type"])
    return (
        [f"{name}_phs{phase}" for phase in incident["phases"]]
        if name.endswith("_Op") and incident["phases"]
        else [name]
    )


def _unit(point: str) -> str:
    return catalog()[point].unit if point in catalog() else ""


def _entry(value: str, unit: str, at: float) -> dict[str, str]:
    return {"val": value, "unit": unit, "quality": GOOD if value else INVALID, "timestamp": _time(at)}


def _time(at: float) -> str:
    """As terminals write it, with an offset; in UTC, so that no clock change repeats an hour."""
    return iso(at).replace("Z", "+0000")
