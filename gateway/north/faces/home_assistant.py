"""Home Assistant: every device is discovered with all its points, and what is no longer there is taken away.

Discovery is one retained message a device (`{prefix}/device/{id}/config`). The values are on `latest/{device}` below
the gateway's own root, retained, so that a restarted Home Assistant has them at once. It keeps no past, so what comes
late is not said.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import orjson

from gateway.catalog import Entry
from gateway.clock import iso
from gateway.north.faces.face import SILENT_POLLS, Seen, Told, points
from gateway.north.messages import Message, level
from gateway.settings.models import Device, Site
from gateway.slim import slim_json

CLASSES = {
    "V": "voltage",
    "A": "current",
    "mA": "current",
    "kW": "power",
    "kWh": "energy",
    "Hz": "frequency",
    "°C": "temperature",
    "s": "duration",
}
"""Device classes by unit; a unit that Home Assistant ties to none is shown as it is."""

SILENT_PERIODS = 5
"""After so many polls without a word a value is shown as unavailable."""

_FOREIGN = re.compile(r"[^A-Za-z0-9-]")


class HomeAssistant:
    """The face towards a home automation. `root`: the gateway's own, with a slash at its end."""

    def __init__(self, site: Site, prefix: str, root: str, version: str) -> None:
        self._site, self._prefix, self._root, self._version = site, prefix, root, version
        self._family = f"taiqu-{_plain(site.id)}"
        self._configs = {self._topic(self._family): self._gateway()}
        for device in site.devices:
            self._configs[self._topic(self._id(device))] = self._device(device)
        self._latest: dict[str, dict[str, Any]] = {}
        self._failures: Counter[str] = Counter()

    def will(self) -> None:
        """The gateway's own state says when it is gone."""

    def listens(self) -> Sequence[str]:
        """What was discovered before."""
        return (f"{self._prefix}/device/+/config",)

    def births(self, standing: Sequence[Told]) -> Iterator[Message]:
        """Discovery of the gateway and of every device, and the incidents that last."""
        for topic, config in self._configs.items():
            yield Message(topic, slim_json(config), retain=True)
        yield self._standing(standing)

    def observed(self, seen: Sequence[Seen], history: bool) -> Iterator[Message]:
        """The newest value of every point, a message a device."""
        if history:
            return
        changed = [one.device for one in seen if self._changes(one)]
        for name in dict.fromkeys(changed):
            yield Message(f"{self._root}latest/{level(name)}", slim_json(self._latest[name]), retain=True)

    def told(self, incident: Told, standing: Sequence[Told]) -> Iterator[Message]:
        """The incidents that last now."""
        del incident
        yield self._standing(standing)

    def heard(self, topic: str, payload: bytes, retained: bool) -> Iterator[Message]:
        """Take away what the broker keeps of us and is no more: a device, or a component of one."""
        if not (retained and payload and topic.startswith(self._topic(self._family)[: -len("/config")])):
            return
        config = self._configs.get(topic)
        if config is None:
            if self._is_ours(payload):
                yield Message(topic, b"", retain=True)
            return
        gone = _components(payload).keys() - config["components"].keys()
        if gone:  # Home Assistant forgets a component that is said with its platform alone
            old = {name: {"platform": platform} for name, platform in _components(payload).items() if name in gone}
            both = {**config, "components": {**config["components"], **old}}
            yield Message(topic, slim_json(both), retain=True)
            yield Message(topic, slim_json(config), retain=True)

    def _changes(self, one: Seen) -> bool:
        """Take an observation; whether it changes what is shown. Of a device that is gone nothing is known."""
        self._failures[one.device] = self._failures[one.device] + 1 if one.fault else 0
        if not one.fault:
            self._latest.setdefault(one.device, {}).update({"at": iso(one.at), "answers": True}, **one.values)
        elif self._failures[one.device] == SILENT_POLLS:
            self._latest[one.device] = {"at": iso(one.at), "answers": False}
        return self._failures[one.device] in (0, SILENT_POLLS)

    def _is_ours(self, payload: bytes) -> bool:
        """Another gateway's name may begin like ours."""
        device = _table(payload).get("device")
        return isinstance(device, dict) and (
            device.get("via_device") == self._family or device.get("identifiers") == [self._family]
        )

    def _standing(self, standing: Sequence[Told]) -> Message:
        names = ("id", "type", "severity", "node", "cause")
        table = {"count": len(standing), "incidents": [{name: one[name] for name in names} for one in standing]}
        return Message(f"{self._root}standing", slim_json(table), retain=True)

    def _topic(self, name: str) -> str:
        return f"{self._prefix}/device/{name}/config"

    def _id(self, device: Device) -> str:
        return f"{self._family}-{_plain(device.id)}"

    def _gateway(self) -> dict[str, Any]:
        topic = f"{self._root}standing"
        return {
            "device": {"identifiers": [self._family], "name": self._site.id, "model": "taiqu-gateway"},
            **self._common(topic),
            "components": {
                "incidents": {
                    "platform": "sensor",
                    "unique_id": f"{self._family}-incidents",
                    "name": "incidents",
                    "state_class": "measurement",
                    "value_template": "{{ value_json.count }}",
                    "json_attributes_topic": topic,
                },
                "trouble": {
                    "platform": "binary_sensor",
                    "unique_id": f"{self._family}-trouble",
                    "name": "trouble",
                    "device_class": "problem",
                    "value_template": "{{ 'ON' if value_json.count else 'OFF' }}",
                },
            },
        }

    def _device(self, device: Device) -> dict[str, Any]:
        name = self._id(device)
        expires = {"expire_after": round(SILENT_PERIODS * device.period_s)}
        components: dict[str, Any] = {
            point: {"unique_id": f"{name}-{point}", **_component(point, entry), **expires}
            for point, entry in points(device).items()
        }
        components["answers"] = {
            "platform": "binary_sensor",
            "unique_id": f"{name}-answers",
            "name": "answers",
            "device_class": "connectivity",
            "value_template": "{{ 'ON' if value_json.answers else 'OFF' }}",
            **expires,
        }
        return {
            "device": {
                "identifiers": [name],
                "name": device.id,
                "model": device.profile.title,
                "serial_number": device.address,
                "suggested_area": device.node,
                "via_device": self._family,
            },
            **self._common(f"{self._root}latest/{level(device.id)}"),
            "components": components,
        }

    def _common(self, state: str) -> dict[str, Any]:
        return {
            "origin": {"name": "taiqu-gateway", "sw_version": self._version},
            "availability": [{"topic": f"{self._root}state", "value_template": "{{ value_json.state }}"}],
            "state_topic": state,
            "qos": 1,
        }


def _component(point: str, entry: Entry) -> dict[str, Any]:
    if entry.role == "flag":
        template = f"{{{{ iif(value_json.{point} | default(none), 'ON', 'OFF', 'None') }}}}"
        return {"platform": "binary_sensor", "name": entry.title, "value_template": template}
    found: dict[str, Any] = {
        "platform": "sensor",
        "name": entry.title,
        "state_class": "total_increasing" if entry.role == "counter" else "measurement",
        "value_template": f"{{{{ value_json.{point} | default(none) }}}}",
    }
    if entry.unit:
        found["unit_of_measurement"] = entry.unit
    device_class = "power_factor" if point.startswith("power_factor") else CLASSES.get(entry.unit)
    return {**found, "device_class": device_class} if device_class else found


def _components(payload: bytes) -> Mapping[str, str]:
    """Platforms of the components of a discovery message, by component."""
    found = _table(payload).get("components")
    entries = found.items() if isinstance(found, dict) else ()
    return {name: str(entry["platform"]) for name, entry in entries if isinstance(entry, dict) and "platform" in entry}


def _table(payload: bytes) -> Mapping[str, Any]:
    try:
        found = orjson.loads(payload)
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}


def _plain(text: str) -> str:
    """An id of the letters that Home Assistant takes in a topic; two ids never become one."""
    return _FOREIGN.sub(lambda match: f"_{ord(match[0]):x}_", text)
