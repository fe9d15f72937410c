"""`taiqu ask`: maintenance asks a gateway over MQTT without writing JSON by hand."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gateway.cli.main import app
from gateway.clock import SystemClock
from gateway.north.commands import Commands
from gateway.settings.models import Mqtt
from gateway.verbs import VOCABULARY, RefusedRequestError, Request
from tests.gateway.north.site import desk
from tests.servers import Server


async def read(request: Request) -> object:
    if request.arguments["device"] != "M1":
        raise RefusedRequestError("there is no such device")
    request.progress({"points": request.arguments.get("points")})
    return {"device": "M1", "voltage": 230.5}


def asked(config: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "gateway", "ask", *words, "--config", str(config)]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)


@pytest.mark.broker
async def test_an_answer_is_printed_and_a_refusal_is_one_line(
    config: Path,
    mosquitto: Server,
    tmp_path: Path,
) -> None:
    office = Commands({"read": read}, SystemClock())
    async with desk(tmp_path / "a.db", Mqtt(port=mosquitto.port), commands=office) as gateway:
        await gateway.until(lambda: gateway.sender.report.connected)
        questions = [
            ("read", "device=M1", "points=voltage,current"), ("read", "device=M1", "--json"), ("read", "device=M9"),
            ("figures",), ("read", "device=M1", "--gateway", "gw9", "--timeout", "1"),
        ]  # fmt: skip
        done = await asyncio.gather(*(asyncio.to_thread(asked, config, *words) for words in questions))
    gone = await asyncio.to_thread(asked, config, "read", "device=M1")
    good, programs, refused, unknown, nobody = done
    assert (good.returncode, json.loads(good.stdout)["voltage"]) == (0, 230.5)
    assert good.stderr == 'read: {"points":"voltage,current"}\n'
    assert json.loads(programs.stdout)["result"] == {"device": "M1", "voltage": 230.5}
    assert (refused.returncode, refused.stdout, refused.stderr) == (1, "", "there is no such device\n")
    assert (unknown.returncode, unknown.stderr) == (1, "there is no verb 'figures'; there are read\n")
    assert nobody.returncode == 1
    assert gone.returncode == 1
    assert "gw1 is offline, and does not answer" in gone.stderr
    assert "gw9 does not answer at 127.0.0.1:" in nobody.stderr
    assert nobody.stderr.endswith("; it never ran there, or is named otherwise\n")


WRONG = {
    "a verb that nobody knows": (["ask", "explode"], "there is no verb 'explode'; there are acknowledge, "),
    "an argument too few": (["ask", "shelve"], "shelve needs incident=..., until=..."),
    "an argument that the verb has not": (
        ["ask", "order", "device=M1", "colour=red"], "order has no argument 'colour'; it has device, at, kind",
    ),
    "a word that is no argument": (["ask", "read", "M1"], "'M1' is no argument; write NAME=VALUE"),
    "a key without its operator": (["ask", "figures", "--key", "li.key"], "needs both --operator NAME and --key FILE"),
    "a key that is not there": (["ask", "figures", "--operator", "li", "--key", "li.key"], "li.key"),
}  # fmt: skip


@pytest.mark.broker
@pytest.mark.parametrize(("command", "says"), WRONG.values(), ids=WRONG.keys())
def test_a_wrong_question_goes_nowhere(command: list[str], says: str, config: Path) -> None:
    done = CliRunner().invoke(app, [*command, "--config", str(config)])
    assert (done.exit_code, done.stdout) == (2, "")
    assert says in done.stderr


def test_a_file_without_a_broker_or_with_a_faulty_one_is_a_wrong_question(tmp_path: Path) -> None:
    (file := tmp_path / "gateway.toml").write_text('[gateway]\nid = "gw1"\n')
    done = CliRunner().invoke(app, ["ask", "figures", "--config", str(file)])
    assert (done.exit_code, done.stderr) == (
        2,
        f"{file}: there is no [mqtt] table, so there is no broker to ask over\n",
    )
    file.write_text('[gateway]\nid = "gw1"\n[mqtt]\nprot = 1884\npassword_file = "nowhere"\n')
    done = CliRunner().invoke(app, ["ask", "figures", "--config", str(file)])
    assert (done.exit_code, done.stderr.splitlines()) == (
        2,
        [
            f"{file}:4: mqtt.prot: is not known here. Check the spelling, or take it out.",
            f"{file}:5: mqtt.password_file: there is no file 'nowhere'. Create it, readable by the service alone.",
        ],
    )


def test_without_a_verb_all_of_them_are_listed() -> None:
    done = CliRunner().invoke(app, ["ask"])
    assert done.exit_code == 0
    assert "silence until= [node=] [device=] [kind=] [by=] [reason=] [silence=]\n    " in done.stdout
    assert all(f"{verb.name} " in done.stdout or f"{verb.name}\n" in done.stdout for verb in VOCABULARY.values())
