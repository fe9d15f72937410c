"""`taiqu plan` says what every line costs, and refuses what cannot be kept."""

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from gateway.cli.check import check
from gateway.cli.plan import plan

CONFIG = Path(__file__).parents[3] / "config"
APP = typer.Typer()
APP.command()(plan)


def run(*words: str) -> tuple[int, str]:
    done = CliRunner().invoke(APP, words)
    return done.exit_code, done.output


@pytest.fixture
def hurried(tmp_path: Path) -> str:
    """The sample site with every line asked for once a second."""
    folder = tmp_path / "config"
    folder.mkdir()
    for path in CONFIG.glob("*.*"):
        text = path.read_text(encoding="utf-8")
        (folder / path.name).write_text(text.replace("period_s = 60", "period_s = 1"), encoding="utf-8")
    return str(folder / "gateway.toml")


SAMPLE = ("--config", str(CONFIG / "gateway.toml"))


def test_the_sample_site_fits() -> None:
    status, said = run(*SAMPLE)
    assert status == 0
    assert "rs485-1" in said
    assert ": fits" in said


def test_for_programs_it_is_json() -> None:
    status, said = run(*SAMPLE, "--json")
    plans = json.loads(said)
    assert status == 0
    assert plans["fits"] is True
    line = next(line for line in plans["lines"] if line["line"] == "rs485-1")
    assert line["cycle_s"] == pytest.approx(sum(device["poll_s"] for device in line["devices"]), abs=0.001)
    assert 0 < line["load"] < 1


def test_the_requests_of_one_device_are_shown() -> None:
    status, said = run("FU-1", *SAMPLE)
    assert status == 0
    assert "input 0+80" in said
    requests = json.loads(run("FU-1", *SAMPLE, "--json")[1])["requests"]
    assert next((one["what"], one["asked"], one["answered"]) for one in requests) == ("input 0+80", 8, 165)


def test_a_slower_device_costs_more() -> None:
    quick, slow = (
        json.loads(run(*SAMPLE, "--json", "--latency-ms", latency)[1])["lines"][0]["load"] for latency in ("10", "200")
    )
    assert slow > quick


def test_an_impossible_plan_is_refused_with_a_remedy(hurried: str) -> None:
    status, said = run("--config", hurried)
    assert status == 1
    assert "does not fit" in said
    assert "no device more often than every" in said


def test_a_device_is_refused_for_its_own_line_only(hurried: str) -> None:
    assert run("FU-1", "--config", hurried)[0] == 1
    assert run("TTU", "--config", hurried)[0] == 0


def test_a_check_of_the_files_says_too_that_a_line_cannot_keep_its_periods(hurried: str) -> None:
    checking = typer.Typer()
    checking.command()(check)
    done = CliRunner().invoke(checking, ["--config", hurried])
    assert (done.exit_code, ": good." in done.output) == (0, True)  # no file is at fault
    assert "rs485-1: every device once takes" in done.output
    remarks = json.loads(CliRunner().invoke(checking, ["--config", hurried, "--json"]).output)["remarks"]
    assert [remark.partition(":")[0] for remark in remarks] == ["rs485-1", "rs485-2"]
    assert json.loads(CliRunner().invoke(checking, [*SAMPLE, "--json"]).output)["remarks"] == []


def test_a_device_that_is_not_there_is_a_wrong_question() -> None:
    status, said = run("FU-99", *SAMPLE)
    assert (status, "FU-99" in said) == (2, True)


def test_a_faulty_site_is_not_priced(tmp_path: Path) -> None:
    status, said = run("--config", str(tmp_path / "gateway.toml"))
    assert status == 1
    assert "gateway.toml" in said
