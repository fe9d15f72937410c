"""The gateway as its own process, a real broker, and people who want what they may not: refused, told, written down.

At the end of each run everything that the gateway ever said or wrote is searched for its secrets.
"""

import json
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from drivers.profile import product_profiles, read_profile
from drivers.sim.dlt645 import SimulatedMeter
from gateway.cli.meter_talk import now
from gateway.clock import SystemClock
from gateway.control.chain import files, records
from gateway.north.keys import Key, new_key, write_key
from gateway.north.signature import request_of, sign
from tests.area import service
from tests.gateway.south.far_end import on_pty
from tests.gateway.south.site import METERS, write_site
from tests.servers import Heard, Listener, Server, free_port

pytestmark = pytest.mark.broker

PASSWORD, OPERATOR_CODE = "765432", "91827364"
PROFILE = read_profile("dlt645-2007-1p", product_profiles()["dlt645-2007-1p"])
CONTROL = """
[mqtt]
port = {broker}
together_s = 0.05
echo = false

[metrics]
port = {metrics}

[commands]
[[commands.operator]]
name = "li"
key_file = "li.key.pub"
[[commands.operator]]
name = "wang"
key_file = "wang.key"
[[commands.operator]]
name = "clerk"
key_file = "clerk.key"
verbs = ["acknowledge"]

[control]
verify_s = 3
per_hour = 4
[[control.permit]]
operators = ["li"]
devices = ["m*"]
actions = ["disconnect", "reconnect"]
[[control.permit]]
operators = ["wang"]
devices = ["m2"]
actions = ["disconnect"]
[[control.meters]]
devices = ["m*"]
switch_file = "meter.password"
"""


@dataclass(slots=True)
class Site:
    """A gateway with two meters, and the people around it."""

    folder: Path
    gateway: Server
    listener: Listener
    client: paho.Client
    keys: dict[str, Key]
    meters: dict[str, SimulatedMeter]
    metrics: int
    asked: int = 0
    log: list[str] = field(default_factory=list)

    def publish(self, verb: str, payload: bytes) -> dict[str, Any]:
        """The answer to what is published."""
        topic = f"gw/rsp/{verb}"
        before = len([one for one in self.listener.heard if one.topic.endswith(topic)])
        self.client.publish(f"taiqu/v1/gw/cmd/{verb}", payload, qos=1)
        answer: dict[str, Any] = self.listener.topic(topic, before + 1)[before].data
        return answer

    def signed(self, verb: str, by: str = "li", key: str = "", gateway: str = "gw", **arguments: Any) -> bytes:
        self.asked += 1
        issued = float(str(arguments.pop("issued", SystemClock().wall())))
        name = str(arguments.pop("id", f"{verb}-{self.asked}"))
        return sign(self.keys[key or by], by, request_of(gateway, verb, name, issued, arguments))

    def ask(self, verb: str, by: str = "li", **arguments: Any) -> dict[str, Any]:
        return self.publish(verb, self.signed(verb, by, **arguments))

    def arm(self, device: str = "m1", action: str = "disconnect", by: str = "li") -> dict[str, Any]:
        return self.ask("arm", by, device=device, action=action, reason="arrears 4711")

    def records(self, count: int) -> list[dict[str, Any]]:
        """The first records of the audit log, as they were published."""

        def told() -> dict[int, dict[str, Any]]:
            rows = [one.data for one in self.listener.heard if one.topic.endswith("/gw/audit")]
            return {row["seq"]: row for row in rows}

        self.listener.until(lambda _: len(told()) >= count, f"{count} records")
        return [row for _, row in sorted(told().items())]

    def page(self) -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.metrics}/metrics", timeout=10) as page:
            return str(page.read().decode())

    def run(self, *words: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "gateway", *words], capture_output=True, text=True, timeout=60, check=False
        )
        return done.stdout + done.stderr

    def everything(self) -> dict[str, bytes]:
        """All that the gateway said and wrote, by where."""
        config = str(self.folder / "gateway.toml")
        self.publish("trace", b'{"id":"t1","line":"rs485-1","frames":50}')
        found = {f"topic {one.topic}": one.payload for one in self.listener.heard if "/cmd/" not in one.topic}
        found["metrics"] = self.page().encode()
        found["trace"] = self.run("trace", "rs485-1", "--last", "--json", "--config", config).encode()
        found["configuration"] = json.dumps(self.publish("configuration", b'{"id":"c1"}')).encode()
        self.gateway.stop()
        found["log"] = "\n".join(self.gateway.log).encode()
        self.run("record", str(self.folder / "recording"), "--config", config)
        secret = {"meter.password", "li.key", "li.key.pub", "wang.key", "clerk.key"}
        for path in self.folder.rglob("*"):
            if path.is_file() and path.name not in secret:
                found[str(path)] = path.read_bytes()
        return found


@pytest.fixture
def site(tmp_path: Path, mosquitto: Server) -> Iterator[Site]:
    keys = {"li": new_key("ed25519-private"), "wang": new_key("hmac-sha256"), "clerk": new_key("hmac-sha256")}
    for name, key in keys.items():
        write_key(tmp_path / f"{name}.key", key)
    write_key(tmp_path / "li.key.pub", keys["li"].public())
    (tmp_path / "meter.password").write_text(f"{PASSWORD} {OPERATOR_CODE}\n")
    (tmp_path / "meter.password").chmod(0o600)
    meters = {
        name: SimulatedMeter(PROFILE, address, {"voltage": 230.5}, {"02": PASSWORD}) for name, address in METERS.items()
    }
    for meter in meters.values():
        meter.set("clock", f"{now():%Y-%m-%dT%H:%M:%S}")
    metrics = free_port()
    client = paho.Client(CallbackAPIVersion.VERSION2)
    with on_pty(*meters.values()) as port:
        config = write_site(tmp_path, port)
        config.write_text(config.read_text() + CONTROL.format(broker=mosquitto.port, metrics=metrics))
        listener, gateway = Listener(mosquitto.port), service(config)
        client.connect("127.0.0.1", mosquitto.port)
        client.loop_start()
        try:
            gateway.start()
            yield Site(tmp_path, gateway, listener, client, keys, meters, metrics)
        finally:
            gateway.kill()
            client.disconnect()
            client.loop_stop()
            listener.close()


Attack = Callable[[Site], bytes]
ARM: dict[str, Any] = {"device": "m1", "action": "disconnect", "reason": "x"}
ATTACKS: dict[str, tuple[Attack, str]] = {
    "unsigned": (lambda _: json.dumps({"id": "u1", **ARM}).encode(), "'arm' has to be signed by an operator"),
    "forged": (lambda site: site.signed("arm", "li", key="wang", **ARM), "the signature is not of an operator"),
    "for another gateway": (lambda site: site.signed("arm", gateway="gw2", **ARM), "was signed for gateway 'gw2'"),
    "as another verb": (lambda site: site.signed("read", **ARM), "was signed as 'read' and came as 'arm'"),
    "an hour old": (
        lambda site: site.signed("arm", issued=SystemClock().wall() - 3600, **ARM),
        "more than 120 s apart",
    ),
    "expired": (lambda site: site.signed("arm", expires=1.0, **ARM), "expired at 1970-01-01"),
    "oversized": (lambda site: site.signed("arm", **(ARM | {"reason": "x" * 20_000})), "bytes are too long"),
    "by an operator who may not": (lambda site: site.signed("arm", "clerk", **ARM), "clerk may not ask 'arm'"),
    "of a device that he may not": (lambda site: site.signed("arm", "wang", **ARM), "allows wang to disconnect on m1"),
    "no JSON at all": (lambda _: b"\x00\xff", "is no JSON"),
}


def test_whoever_may_not_is_refused_and_nothing_is_told_to_a_meter(site: Site) -> None:
    for name, (attack, says) in ATTACKS.items():
        answer = site.publish("arm", attack(site))
        assert (answer["ok"], says in answer["error"]) == (False, True), (name, answer)
    envelope = site.signed("arm", **ARM)
    first = site.publish("arm", envelope)
    assert first["ok"], first
    assert site.publish("arm", envelope) == first, "a replay is answered from memory"
    assert not site.ask("confirm", device="m1", action="disconnect", token="x" * 22)["ok"]
    stolen = site.ask("confirm", "wang", device="m1", action="disconnect", token=first["result"]["token"])
    assert stolen["error"] == "the token is another operator's"
    other = site.ask("confirm", device="m2", action="disconnect", token=first["result"]["token"])
    assert other["error"] == "the token is for another device or another action"
    assert not any(meter.commands.relay.is_open for meter in site.meters.values())
    said = [one.what for one in records(files(site.folder))]
    assert said.count("turned away") == 6, "those who proved nothing, or not for this"
    assert said.count("refused") == 4
    assert said.count("armed") == 1
    assert "taiqu_control_refused_total 10" in site.page()


def ordered(heard: Heard) -> bool:
    """Whether this is the order to disconnect the first meter's customer, as the outage pool tells it."""
    if "/gw/pool/" not in heard.topic or not heard.payload:
        return False
    return bool(heard.data["kind"] == "arrears" and heard.data["node"] == "m1")


def test_a_customer_is_disconnected_over_the_broker_and_no_secret_gets_out(site: Site) -> None:
    token = site.arm()["result"]["token"]
    answer = site.ask("confirm", device="m1", action="disconnect", token=token)
    assert answer["result"]["result"] == "done", answer
    assert site.meters["m1"].commands.relay.is_open
    site.listener.until(lambda heard: any(ordered(one) for one in heard), "the order in the outage pool")
    published = site.records(4)
    assert [one["what"] for one in published] == ["started", "armed", "executing", "executed"]
    assert f'taiqu_audit_records{{hash="{published[-1]["hash"]}"}} 4' in site.page()

    everything = site.everything()
    written = [one.hash for one in records(files(site.folder))]
    assert [one["hash"] for one in published] == written[:4]
    secrets = [PASSWORD, OPERATOR_CODE, *(key.secret.hex() for key in site.keys.values()), token]
    on_the_wire = [bytes(byte + 0x33 & 0xFF for byte in bytes.fromhex(text)[::-1]) for text in secrets[:2]]
    spelt = [*(text.encode() for text in secrets), *(raw.hex(" ").encode() for raw in on_the_wire), *on_the_wire]
    assert len(everything) > 15
    for place, said in everything.items():
        if place == "topic taiqu/v1/gw/rsp/arm" or place.endswith((".db", ".db-wal")):
            said = said.replace(token.encode(), b"")  # the operator's own answer, for a minute and once
        assert [text for text in spelt if text in said] == [], place


def relays(heard: Sequence[Heard]) -> list[tuple[str, str]]:
    """What was told of the relay of m1."""
    said = [one.data["data"] for one in heard if "/event/" in one.topic]
    return [(one["type"], one["state"]) for one in said if one["node"] == "m1"]


def test_what_the_meter_showed_is_known_at_once_so_that_no_order_looks_like_a_fault(site: Site) -> None:
    for action in ("disconnect", "reconnect"):
        token = site.arm("m1", action)["result"]["token"]
        assert site.ask("confirm", device="m1", action=action, token=token)["ok"]
    site.listener.until(lambda heard: any(state == "cleared" for _, state in relays(heard)), "the end of it")
    assert relays(site.listener.heard) == [("arrears_disconnect", "confirmed"), ("arrears_disconnect", "cleared")]


def test_a_restart_forgets_what_was_armed_and_remembers_what_was_done(site: Site) -> None:
    token = site.arm("m2")["result"]["token"]
    replayed = site.signed("arm", device="m1", action="disconnect", reason="first")
    site.publish("arm", replayed)
    for action in ("disconnect", "reconnect"):
        armed = site.arm("m1", action)
        assert site.ask("confirm", device="m1", action=action, token=armed["result"]["token"])["ok"]
    site.gateway.kill()
    site.gateway.start()
    late = site.ask("confirm", device="m2", action="disconnect", token=token)
    assert "void since a restart" in late["error"]
    assert "per_device_per_hour" in site.arm("m1")["error"]
    again = site.publish("arm", replayed)
    assert again["ok"] is True, "answered from memory"
    void = site.ask("confirm", device="m1", action="disconnect", token=again["result"]["token"])
    assert "void since a restart" in void["error"]
    assert not any(meter.commands.relay.is_open for meter in site.meters.values())
    said = [one.what for one in records(files(site.folder))]
    assert said.count("started") == 2
    assert said.count("executed") == 2


def test_a_gateway_whose_log_was_forged_switches_nothing_and_does_everything_else(site: Site) -> None:
    site.arm()
    site.gateway.stop()
    path = site.folder / "audit-1.log"
    path.write_text(path.read_text().replace("arrears 4711", "arrears 4712"))
    with path.open("a") as log:
        log.write(path.read_text().splitlines()[-1].replace('"seq":2', '"seq":3') + "\n")
    site.gateway.start()
    assert site.arm()["error"].startswith("the audit log is broken:")
    assert site.publish("read", b'{"id":"r1","device":"m1","points":["voltage"]}')["result"]["fault"] is None
    site.listener.until(lambda heard: any(b'"type":"control_off"' in one.payload for one in heard), "the incident")
    assert "audit-1.log:3" in site.run("audit", str(path))
    assert "taiqu_control_audit_trouble 1" in site.page()
    site.gateway.stop()
    begun = site.run("audit", "--begin-anew", "looked at", "--config", str(site.folder / "gateway.toml"))
    assert begun == "record 3 begins the log anew; set aside: audit-1.log.broken\n"
    site.gateway.start()
    assert site.arm()["ok"]
    assert [one["what"] for one in site.records(5)] == ["started", "armed", "continued", "started", "armed"]
