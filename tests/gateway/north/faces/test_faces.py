"""What the faces say: the whole story beside its golden files, and what each of them promises."""

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import orjson
import pytest
from esio_spb_builder.core import sparkplug_b_pb2

from gateway.north.faces.company import Company
from gateway.north.faces.face import Face, Seen
from gateway.north.faces.home_assistant import HomeAssistant
from gateway.north.faces.iec61850 import spoken
from gateway.north.faces.protobuf import block, fields, varint, whole
from gateway.north.faces.sparkplug import REBIRTH, Kind, Sparkplug, metric
from gateway.north.messages import Message
from gateway.settings.models import Faces, Mqtt
from tests.gateway.north.faces.story import FACES, GOLDEN, NOW, SITE, as_golden, story
from tests.gateway.north.site import device


@pytest.mark.parametrize("name", FACES)
def test_a_face_says_what_its_golden_file_holds(name: str) -> None:
    golden = json.loads((GOLDEN / f"{name}.json").read_text(encoding="utf-8"))
    assert as_golden(name) == golden, "if it is meant: python -m tests.gateway.north.faces.story"


def test_no_face_is_on_unless_it_is_named() -> None:
    said = Company.of(replace(SITE, mqtt=Mqtt()), lambda: NOW).births([])
    assert said == []
    named = replace(SITE, mqtt=Mqtt(), faces=Faces("homeassistant", "grid", "taiqu"))
    said = Company.of(named, lambda: NOW).births([])
    assert {message.topic.split("/")[0] for message in said} == {"homeassistant", "taiqu", "spBv1.0"}


# ---- Sparkplug B


def decoded(message: Message) -> Any:
    """By a decoder that others compiled from the specification's own description."""
    return sparkplug_b_pb2.Payload.FromString(message.payload)


def sparkplug_story() -> list[Message]:
    return [message for _, said in story(FACES["sparkplug"](SITE)) for message in said]


def test_every_message_is_encoded_as_the_reference_encodes_it() -> None:
    for message in sparkplug_story():
        assert decoded(message).SerializeToString(deterministic=True) == message.payload


def test_sequence_numbers_count_every_message_but_the_will() -> None:
    will, *others = sparkplug_story()
    assert not decoded(will).HasField("seq")
    assert [decoded(message).seq for message in others] == list(range(len(others)))


def test_sequence_numbers_begin_again_after_255() -> None:
    face = Sparkplug(SITE, "grid", lambda: NOW)
    face.will()
    list(face.births([]))
    said = [next(face.observed([Seen("M0", NOW, {"voltage": 230.0})], history=False)) for _ in range(600)]
    assert [decoded(message).seq for message in said] == [(3 + number) % 256 for number in range(600)]


def test_will_and_birth_of_a_session_have_one_number_and_the_next_session_has_the_next() -> None:
    face = Sparkplug(SITE, "grid", lambda: NOW, last_session=254)
    numbers = []
    for _ in range(2):
        will, birth = face.will(), next(iter(face.births([])))
        assert decoded(will).metrics[0].name == decoded(birth).metrics[0].name == "bdSeq"
        assert decoded(will).metrics[0].long_value == decoded(birth).metrics[0].long_value
        numbers.append(decoded(birth).metrics[0].long_value)
    assert numbers == [255, 0]


def test_an_alias_is_one_metric_of_the_whole_node_and_data_says_nothing_else() -> None:
    born = [metric for message in sparkplug_story() if "BIRTH" in message.topic for metric in decoded(message).metrics]
    names = {(metric.alias, metric.name) for metric in born if metric.HasField("alias")}
    assert len({alias for alias, _ in names}) == len(names)
    data = [metric for message in sparkplug_story() if "DATA" in message.topic for metric in decoded(message).metrics]
    assert {metric.alias for metric in data} <= {alias for alias, _ in names}
    assert not any(metric.name for metric in data)
    assert not any(metric.HasField("alias") for metric in born if metric.name in (REBIRTH, "bdSeq"))


def test_nothing_is_said_of_a_device_that_is_dead() -> None:
    alive: set[str] = set()
    for message in sparkplug_story():
        verb, name = message.topic.split("/")[2], message.topic.split("/")[-1]
        if verb == "DBIRTH":
            alive.add(name)
        if verb == "DDATA":
            assert name in alive
        if verb == "DDEATH":
            alive.remove(name)


def test_only_what_is_late_is_historical() -> None:
    flags = {
        (message.topic.split("/")[2], metric.is_historical)
        for message in sparkplug_story()
        for metric in decoded(message).metrics
        if metric.timestamp < NOW * 1000
    }
    assert flags == {("DDATA", True)}


def command(name: str, value: bool) -> bytes:
    """What a host sends, made by the reference."""
    payload = sparkplug_b_pb2.Payload(timestamp=1, seq=0)
    payload.metrics.add(name="another", int_value=7, datatype=7)
    payload.metrics.add(name=name, boolean_value=value, datatype=11)
    raw: bytes = payload.SerializeToString()
    return raw


COMMANDS: Sequence[tuple[str, bytes, bool]] = (
    ("a host asks for births", command(REBIRTH, True), True),
    ("a host takes the wish back", command(REBIRTH, False), False),
    ("a host asks for something else", command("Node Control/Reboot", True), False),
    ("nothing", b"", False),
    ("no message", b"\xff\xff\xff", False),
    ("a metric that is a number", whole(2, 5), False),
    ("text", b"rebirth, please", False),
)


@pytest.mark.parametrize(("payload", "heard"), [row[1:] for row in COMMANDS], ids=[row[0] for row in COMMANDS])
def test_births_are_said_again_when_a_host_asks(payload: bytes, heard: bool) -> None:
    face = Sparkplug(SITE, "grid", lambda: NOW)
    face.will()
    before = [message.topic for message in face.births([])]
    list(face.observed([Seen("M0", NOW, {"voltage": 231.0})], history=False))
    again = list(face.heard(face.listens()[0], payload, retained=False))
    assert [message.topic for message in again] == (before if heard else [])
    if heard:
        assert decoded(again[0]).seq == 0
        assert decoded(again[1]).metrics[0].double_value == 231.0


def test_a_wish_for_births_that_comes_before_them_or_is_stored_is_not_heard() -> None:
    face = Sparkplug(SITE, "grid", lambda: NOW)
    face.will()
    assert list(face.heard("", command(REBIRTH, True), retained=False)) == []
    list(face.births([]))
    assert list(face.heard("", command(REBIRTH, True), retained=True)) == []


def test_numbers_of_every_length_survive() -> None:
    for number in (0, 1, 127, 128, 300, 2**32, 2**63 - 1):
        assert list(fields(whole(3, number))) == [(3, number)]
    assert varint(-1) == b"\xff" * 9 + b"\x01"
    assert decoded(Message("", block(2, metric(Kind.INT64, -5, 0)))).metrics[0].long_value == 2**64 - 5


# ---- Home Assistant


def home() -> HomeAssistant:
    face = FACES["home_assistant"](SITE)
    assert isinstance(face, HomeAssistant)
    return face


def configs(face: Face) -> dict[str, bytes]:
    return {one.topic: one.payload for one in face.births([]) if one.topic.endswith("/config")}


def test_a_device_that_was_taken_out_of_the_site_is_taken_away() -> None:
    before = configs(HomeAssistant(replace(SITE, devices=(device(0), device(7))), "homeassistant", "r/", "1"))
    topic = "homeassistant/device/taiqu-gw1-M7/config"
    assert list(home().heard(topic, before[topic], retained=True)) == [Message(topic, b"", retain=True)]


def test_a_point_that_is_no_longer_read_is_forgotten() -> None:
    topic = "homeassistant/device/taiqu-gw1-M0/config"
    fewer = HomeAssistant(replace(SITE, devices=(replace(device(0), points=("voltage",)),)), "homeassistant", "r/", "1")
    first, second = fewer.heard(topic, configs(home())[topic], retained=True)
    assert orjson.loads(first.payload)["components"]["current"] == {"platform": "sensor"}
    assert set(orjson.loads(second.payload)["components"]) == {"voltage", "answers"}


LEFT_ALONE: Sequence[tuple[str, str, bytes, bool]] = (
    ("a device of somebody else", "homeassistant/device/lamp/config", b'{"device":{}}', True),
    (
        "a device of a gateway whose name begins like ours",
        "homeassistant/device/taiqu-gw1-2-M0/config",
        b'{"device":{"via_device":"taiqu-gw1-2"}}',
        True,
    ),
    ("an echo of our own", "homeassistant/device/taiqu-gw1-M7/config", b'{"device":{"via_device":"taiqu-gw1"}}', False),
    ("what was taken away", "homeassistant/device/taiqu-gw1-M7/config", b"", True),
    ("no JSON", "homeassistant/device/taiqu-gw1-M7/config", b"{", True),
    ("JSON of another shape", "homeassistant/device/taiqu-gw1-M0/config", b"[1]", True),
)


@pytest.mark.parametrize(
    ("topic", "payload", "retained"), [row[1:] for row in LEFT_ALONE], ids=[row[0] for row in LEFT_ALONE]
)
def test_what_is_not_ours_is_left_alone(topic: str, payload: bytes, retained: bool) -> None:
    assert list(home().heard(topic, payload, retained)) == []


def test_what_is_said_already_is_not_said_again() -> None:
    for topic, payload in configs(home()).items():
        assert list(home().heard(topic, payload, retained=True)) == []


def test_two_names_never_become_one() -> None:
    names = ("M.1", "M/1", "M_1", "M-1", "M 1", "电表1", "M_2e_1")
    many = HomeAssistant(
        replace(SITE, devices=tuple(replace(device(1), id=name) for name in names)), "homeassistant", "r/", "1"
    )
    found = configs(many)
    assert len(found) == len(names) + 1
    assert all(topic.split("/")[2].replace("-", "").replace("_", "").isalnum() for topic in found)
    assert all(topic.isascii() for topic in found)


# ---- names after IEC 61850

NAMES = {
    ("voltage", "C"): "PhV_phsC",
    ("voltage", "ABC"): "PhV",
    ("voltage_b", "ABC"): "PhV_phsB",
    ("line_voltage_ca", "ABC"): "PPV_phsCA",
    ("current_a", "ABC"): "A_phsA",
    ("active_power", "ABC"): "TotW",
    ("active_power_c", "ABC"): "W_phsC",
    ("winding_temperature_a", "ABC"): "HPTmp_phsA",
    ("energy_import_t1", "ABC"): "energy_import_t1",
    ("relay_open", "A"): "relay_open",
}


@pytest.mark.parametrize(("point", "phases"), NAMES, ids=[" on ".join(key) for key in NAMES])
def test_points_have_the_standards_names(point: str, phases: str) -> None:
    assert spoken(point, replace(device(1), phases=phases)) == NAMES[point, phases]


def test_an_incident_that_was_none_does_not_announce_power() -> None:
    face = FACES["iec61850"](SITE)
    body = {"id": "i", "type": "box_outage", "state": "cancelled", "node": "B1", "phases": "", "code": "", "at": NOW}
    (message,) = face.told(body, ())
    assert [(one["name"], one["val"]) for one in orjson.loads(message.payload)["body"]] == [("PwrOffAlm", "0")]
