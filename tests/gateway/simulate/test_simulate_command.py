"""`taiqu simulate` as its own process: ports come, faults are said, ports go."""

import signal
import subprocess
import sys
from pathlib import Path

from typer.testing import CliRunner

from gateway.cli.main import app

SCENARIO = """
[[fault]]
kind = "breaker_tripped"
where = "B9"
begin_s = 10
end_s = 40
title = "box nine trips"
"""


def test_an_area_runs_until_it_is_interrupted(tmp_path: Path) -> None:
    (tmp_path / "faults.toml").write_text(SCENARIO)
    options = ["--folder", "site", "--scenario", "faults.toml", "--speed", "50"]
    command = [sys.executable, "-u", "-m", "gateway", "simulate", *options]
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    lines = [process.stdout.readline().strip() for _ in range(6)]
    assert lines[0] == "to read it: taiqu run --config site/gateway.toml"
    assert lines[1] == f"rs485-1: 17 devices at {tmp_path}/site/ports/rs485-1"
    assert lines[3].startswith("ttu: 2 devices at modbus-tcp://127.0.0.1:")
    assert lines[4].endswith("s  box nine trips")
    assert lines[5].endswith("s  over: box nine trips")
    assert (tmp_path / "site" / "ports" / "rs485-1").exists()
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=20)
    assert (process.returncode, errors) == (0, "")
    assert list((tmp_path / "site" / "ports").iterdir()) == []


def test_a_site_with_ports_elsewhere_is_refused_with_words(tmp_path: Path) -> None:
    runner = CliRunner()
    assert runner.invoke(app, ["simulate", "--record", str(tmp_path / "r"), "--hours", "0.1"]).exit_code == 0
    missing = runner.invoke(app, ["simulate", "--config", str(tmp_path / "nothing.toml")])
    assert missing.exit_code == 2
    assert "nothing.toml: cannot be read" in missing.output
