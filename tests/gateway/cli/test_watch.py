"""`taiqu watch`: everything a gateway says of itself is shown, and nothing else is needed."""

import asyncio
import io
import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pytest

from gateway.clock import SystemClock
from gateway.console import console
from gateway.north.commands import Commands
from gateway.pipeline import observed, told
from gateway.settings.models import Mqtt
from gateway.verbs import Request
from gateway.watch import Watched, screen, sentences
from tests.gateway.north.site import desk, incident, observation
from tests.gateway.north.test_prometheus import figures
from tests.servers import Server


def shown(watched: Watched) -> str:
    text = io.StringIO()
    console(file=text).print(screen(watched, rows=2))
    return text.getvalue()


def test_the_screen_tells_of_lines_incidents_devices_and_store() -> None:
    watched = Watched("gw1")
    said = [
        watched.hear("state", {"state": "online", "version": "0.1.0"}),
        watched.hear("data/rs485-1", {"observations": [{"device": "M1", "at": 1.8e9, "values": {"voltage": 230.5}}]}),
        watched.hear("hist/rs485-1", {"observations": [{"device": "M2", "at": 1.8e9, "fault": "timeout"}]}),
        watched.hear("data/rs485-1", {"observations": [{"device": "M3", "at": 1.8e9, "values": {}}]}),
        watched.hear("event/critical", {"data": asdict(incident("i1"))}),
        watched.hear("alarm/i1", asdict(incident("i1"))),
        watched.hear("metrics", figures()),
    ]
    assert [line for line in said if line] == [
        "gw1 is online",
        "2027-01-15T08:00:00.000Z critical box_outage at B1: confirmed (first), 2 devices",
    ]
    text = shown(watched)
    for piece in ("gw1 online", "rs485-1", "50%", "box_outage", "voltage 230.5", "timeout", "and 1 more", "mqtt 12"):
        assert piece in text, piece
    watched.hear("alarm/i1", None)
    assert "nothing is wrong" in shown(watched)


def test_what_others_wrote_is_shown_as_it_stands() -> None:
    """A terminal's markup has no business in names and reasons: `[/b]` is no end of anything bold."""
    watched = Watched("[/b]")
    odd = {**asdict(incident("i[/b]")), "node": "B[/b]", "cause": "[red]", "devices": ["M[/b]"]}
    watched.hear("state", {"state": "online", "version": "[/b]"})
    watched.hear("data/[/b]", {"observations": [{"device": ":warning:[/b]", "at": 1.8e9, "fault": "[/b]"}]})
    watched.hear("event/critical", {"data": odd})
    watched.hear("alarm/i", odd)
    line = figures()["lines"][0]
    watched.hear("metrics", {**figures(), "lines": [{**line, "line": "rs[/b]", "open": False, "says": "no [/b]"}]})
    text = shown(watched)
    for piece in ("[/b] online  version [/b]", ":warning:[/b]", "B[/b]", "[red]", "rs[/b]", "no [/b]"):
        assert piece in text, piece


ALARM = asdict(incident("i1"))
LINE = figures()["lines"][0]
FOREIGN = [
    ("a list for an object", "alarm/i1", [1]),
    ("a number for an object", "state", 5),
    ("an incident without its severity", "alarm/i1", {key: ALARM[key] for key in ALARM if key != "severity"}),
    ("a severity that nobody knows", "alarm/i1", {**ALARM, "severity": "dreadful"}),
    ("an incident since a time that no calendar has", "alarm/i1", {**ALARM, "started_at": 1e300}),
    ("an event of nothing", "event/major", {"data": {}}),
    ("no event at all", "event/major", {"hello": 1}),
    ("observations of another make", "data/rs485-1", {"values": [1, 2]}),
    ("a row without a time", "data/rs485-1", {"observations": [{"device": "M1", "values": {"voltage": 1}}]}),
    ("a text for a value", "data/rs485-1", {"observations": [{"device": "M1", "at": 1, "values": {"voltage": "1"}}]}),
    ("figures without lines", "metrics", {"store": 1}),
    ("a line without its share", "metrics", {**figures(), "lines": [{**LINE, "utilisation": None}]}),
    ("a refused question", "rsp/figures", {"id": "1", "ok": False, "error": "no"}),
]


@pytest.mark.parametrize(("topic", "payload"), [row[1:] for row in FOREIGN], ids=[row[0] for row in FOREIGN])
def test_what_a_stranger_publishes_below_the_topic_is_not_shown(topic: str, payload: object) -> None:
    watched = Watched("gw1")
    before = shown(watched)
    assert watched.hear(topic, payload) == ""
    assert shown(watched) == before
    assert list(sentences(watched)) == ["gw1 is not heard of: it never ran at this broker, or is named otherwise"]


def watching(config: Path, *options: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "gateway", "watch", "--config", str(config), "--seconds", "3", *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)


@pytest.mark.broker
async def test_a_real_gateway_is_watched_without_a_terminal(config: Path, mosquitto: Server, tmp_path: Path) -> None:
    async with desk(tmp_path / "a.db", Mqtt(port=mosquitto.port, together_s=0.05), active=[incident("i1")]) as gateway:
        await gateway.until(lambda: gateway.sender.report.connected)
        looking = [asyncio.to_thread(watching, config, *options) for options in ((), ("--json",))]
        tasks = [asyncio.ensure_future(one) for one in looking]
        while not all(task.done() for task in tasks):
            gateway.store.put([observed(observation(1)), told(incident("i2"))])
            await asyncio.wait(tasks, timeout=0.5)
    plain, programs = (task.result() for task in tasks)
    assert (plain.returncode, plain.stderr) == (0, "")
    assert "gw1 is online" in plain.stdout
    assert "critical box_outage at B1: confirmed" in plain.stdout
    heard = [json.loads(line) for line in programs.stdout.splitlines()]
    assert {"taiqu/v1/gw1/state", "taiqu/v1/gw1/alarm/i1", "taiqu/v1/gw1/data/rs485-1"} <= {
        row["topic"] for row in heard
    }


def head(config: Path) -> tuple[bytes, str]:
    """The first line that a program reads, which then reads no more; and what is said about that."""
    command = [sys.executable, "-m", "gateway", "watch", "--json", "--config", str(config), "--seconds", "20"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as watch:
        assert watch.stdout is not None
        assert watch.stderr is not None
        line = watch.stdout.readline()
        watch.stdout.close()
        return line, watch.stderr.read().decode()


@pytest.mark.broker
async def test_who_reads_no_further_ends_it_without_a_word(config: Path, mosquitto: Server, tmp_path: Path) -> None:
    async with desk(tmp_path / "a.db", Mqtt(port=mosquitto.port, together_s=0.05)) as gateway:
        await gateway.until(lambda: gateway.sender.report.connected)
        task = asyncio.create_task(asyncio.to_thread(head, config))
        while not task.done():
            gateway.store.put([observed(observation(1))])
            await asyncio.wait([task], timeout=0.1)
    line, says = task.result()
    assert json.loads(line)["topic"].startswith("taiqu/v1/gw1/")
    assert says == ""


@pytest.mark.broker
def test_a_gateway_that_never_was_there_is_said(config: Path) -> None:
    none = watching(config, "--gateway", "nobody")
    assert (none.returncode, none.stdout) == (0, "")
    assert none.stderr.startswith("nothing of nobody at 127.0.0.1:")
    once = watching(config, "--gateway", "nobody", "--once")
    said = "nobody is not heard of: it never ran at this broker, or is named otherwise\n"
    assert (once.returncode, once.stdout) == (1, said)


@pytest.mark.broker
def test_a_broker_that_is_not_there_is_said(config: Path, mosquitto: Server) -> None:
    mosquitto.kill()
    none = watching(config)
    assert none.returncode == 1
    assert "Connection refused" in none.stderr
    assert "Traceback" not in none.stderr


@pytest.mark.broker
async def test_how_things_are_is_told_once(config: Path, mosquitto: Server, tmp_path: Path) -> None:
    async def asked(_request: Request) -> object:
        return figures()

    office, active = Commands({"figures": asked}, SystemClock()), [incident("i1")]
    async with desk(tmp_path / "a.db", Mqtt(port=mosquitto.port), active, commands=office) as gateway:
        await gateway.until(lambda: gateway.sender.report.connected)
        looking = [asyncio.to_thread(watching, config, "--once", *options) for options in ((), ("--json",))]
        plain, programs = await asyncio.gather(*looking)
    assert (plain.returncode, plain.stderr) == (0, "")
    assert plain.stdout.splitlines() == [
        "gw1 is online",
        "line rs485-1: open, 50% in use, - good; silent: none",
        "2027-01-15T08:00:00.000Z critical box_outage at B1: confirmed (first), 2 devices",
        "store: 0.1 MB, waiting: mqtt 12",
        "store: disk is full",
        "store: 5 thrown away unsent, 1 set aside",
    ]
    snapshot = json.loads(programs.stdout)
    assert (snapshot["gateway"], snapshot["state"]["state"], snapshot["figures"]["incidents"]) == ("gw1", "online", 1)
    gone = watching(config, "--once")
    assert (gone.returncode, gone.stdout.splitlines()[0]) == (1, "gw1 is offline")
