"""One story told through every face; the golden files hold what each says, message by message.

`python -m tests.gateway.north.faces.story` writes them anew; what changed in them is then to be read in the difference.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
from esio_spb_builder.core import sparkplug_b_pb2
from google.protobuf.json_format import MessageToDict

from drivers.api import Point, Profile
from gateway.north.faces.company import Company
from gateway.north.faces.face import Face
from gateway.north.faces.home_assistant import HomeAssistant
from gateway.north.faces.iec61850 import Iec61850
from gateway.north.faces.sparkplug import Sparkplug
from gateway.north.messages import Message
from gateway.pipeline import observed, told
from gateway.settings.models import Device, Site
from gateway.store import Draft, Row, Stream
from rules.incident import Incident
from rules.observation import Observation
from tests.gateway.north.site import AREA, device, incident, site

GOLDEN = Path(__file__).parent / "golden"
NOW = 1_800_000_000.0

TERMINAL = Profile(
    name="terminal",
    protocol="modbus",
    title="a transformer terminal",
    kind="ttu",
    points={
        name: Point(name, "0", "u16", unit)
        for name, unit in (
            ("voltage_a", "V"), ("voltage_b", "V"), ("line_voltage_ab", "V"), ("current_c", "A"),
            ("active_power", "kW"), ("power_factor_b", ""), ("frequency", "Hz"), ("oil_temperature", "°C"),
        )
    },
)  # fmt: skip

SITE = replace(
    site(1),
    devices=(
        device(0),
        Device("T.1", TERMINAL, "modbus-tcp", "ttu", "1", "T1", "ttu", period_s=15),
    ),
    area=AREA,
)

FACES: Mapping[str, Callable[[Site], Face]] = {
    "home_assistant": lambda of: HomeAssistant(of, "homeassistant", "taiqu/v1/gw1/", "1.2.3"),
    "sparkplug": lambda of: Sparkplug(of, "area 7", lambda: NOW, last_session=254),
    "iec61850": lambda of: Iec61850(of, "taiqu"),
}


def rows(drafts: Iterable[Draft]) -> list[Row]:
    return [Row(number, draft.at, draft.key, draft.body) for number, draft in enumerate(drafts, start=1)]


def poll(name: str, second: int, fault: Any = None, **values: float | None) -> Observation:
    return Observation(device=name, at=NOW + second, values=values, fault=fault, bus="rs485-1", took_ms=50)


STEPS: Sequence[tuple[str, Stream, Sequence[Draft], bool]] = (
    (
        "both devices are read",
        Stream.LIVE,
        [
            observed(
                poll("M0", 1, voltage=231.5, current=None, energy_import=1042.25, relay_open=0, clock_offset=-1.5)
            ),
            observed(poll("T.1", 2, voltage_a=230.0, voltage_b=229.5, line_voltage_ab=398.1, current_c=41.0)),
            observed(poll("T.1", 3, active_power=12.5, power_factor_b=0.98, frequency=50.01, oil_temperature=61.0)),
        ],
        False,
    ),
    ("a point is read that nobody announced", Stream.LIVE, [observed(poll("M0", 5, battery_voltage=3.6))], False),
    ("two polls fail", Stream.LIVE, [observed(poll("M0", second, "timeout")) for second in (10, 20)], False),
    ("the third poll fails too", Stream.LIVE, [observed(poll("M0", 30, "crc"))], False),
    ("the supply is lost", Stream.EVENT, [told(incident("i2", at=NOW + 31))], False),
    ("what waited for the link is sent", Stream.LIVE, [observed(poll("M0", -60, voltage=228.0))], True),
    ("the meter answers again", Stream.LIVE, [observed(poll("M0", 60, voltage=230.0))], False),
    (
        "a phase is lost behind a box",
        Stream.EVENT,
        [told(replace(incident("i3", at=NOW + 61), type="box_phase_loss", phases="AC", code="3.26.0.85"))],
        False,
    ),
    ("the supply is back", Stream.EVENT, [told(incident("i2", "cleared", "cleared", NOW + 62))], False),
)


def story(face: Face) -> Iterator[tuple[str, list[Message]]]:
    """Step by step what a face says."""
    company = Company([face])
    will = face.will()
    yield "the connection has a will", [] if will is None else [will]
    yield "the gateway is born with an incident that lasts", company.births([standing("i1")])
    for step, stream, drafts, history in STEPS:
        yield step, company.said(stream, rows(drafts), history)


def standing(name: str) -> Incident:
    return incident(name, at=NOW - 100)


def readable(message: Message) -> dict[str, Any]:
    """A message as a golden file holds it."""
    return {"topic": message.topic, "retain": message.retain, "qos": message.qos, "payload": _payload(message)}


def _payload(message: Message) -> Any:
    if message.topic.startswith("spBv1.0/"):
        return MessageToDict(sparkplug_b_pb2.Payload.FromString(message.payload))
    return orjson.loads(message.payload) if message.payload else ""


def as_golden(name: str) -> dict[str, Any]:
    return {step: [readable(message) for message in said] for step, said in story(FACES[name](SITE))}


def main() -> None:
    for name in FACES:
        text = json.dumps(as_golden(name), indent=1, ensure_ascii=False)
        (GOLDEN / f"{name}.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
