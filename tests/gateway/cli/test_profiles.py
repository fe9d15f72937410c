"""`taiqu profiles` lists what can be read, explains it, and names what is wrong with a site's own."""

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from drivers.profile import product_profiles
from gateway.cli.profiles import profiles
from tests.gateway.south.site import write_site

APP = typer.Typer()
APP.command()(profiles)


def run(*words: str) -> tuple[int, str]:
    done = CliRunner().invoke(APP, words)
    return done.exit_code, done.output


def test_every_profile_of_the_product_is_listed() -> None:
    status, said = run()
    assert status == 0
    assert [line.split()[0] for line in said.splitlines()] == list(product_profiles())
    assert [row["name"] for row in json.loads(run("--json")[1])] == list(product_profiles())


def test_a_profile_is_explained_with_its_points_requests_and_proof() -> None:
    status, said = run("ttu-modbus")
    assert status == 0
    for words in ("oil_temperature", "input 37", "top oil temperature", "input 0+40", "good  constructed"):
        assert words in said
    row = json.loads(run("ttu-modbus", "--json")[1])
    assert row["requests"] == [{"what": "input 0+40", "asked": 8, "answered": 85}]
    assert all(proof["proven"] for proof in row["proofs"])
    assert row["points"][0]["title"] == "phase voltage, a"


@pytest.mark.parametrize("name", list(product_profiles()))
def test_every_profile_can_be_explained(name: str) -> None:
    assert run(name)[0] == 0


def test_a_name_that_is_none_is_answered_with_those_like_it() -> None:
    status, said = run("sdm")
    assert status == 2
    assert "eastron-sdm630" in said
    assert run("zzz")[0] == 2


def test_a_site_adds_a_profile_of_its_own(tmp_path: Path) -> None:
    text = product_profiles()["ttu-modbus"].replace("Transformer terminal over", "Our terminal over")
    (tmp_path / "ttu-ours.toml").write_text(text, encoding="utf-8")
    status, said = run("--folder", str(tmp_path))
    assert status == 0
    assert "Our terminal over" in said
    assert run("ttu-ours", "--folder", str(tmp_path))[0] == 0


def test_the_folder_is_the_one_that_the_site_names(tmp_path: Path) -> None:
    config = write_site(tmp_path, "/dev/ttyNONE")
    config.write_text(config.read_text(encoding="utf-8").replace('id = "gw"', 'id = "gw"\nprofiles = "ours"'))
    (tmp_path / "ours").mkdir()
    (tmp_path / "ours" / "ttu-ours.toml").write_text(product_profiles()["ttu-modbus"], encoding="utf-8")
    assert run("ttu-ours", "--config", str(config))[0] == 0
    assert run("ttu-ours", "--config", str(tmp_path / "none.toml"))[0] == 2


def test_a_faulty_profile_of_the_site_is_named_with_file_line_and_reason(tmp_path: Path) -> None:
    text = product_profiles()["ttu-modbus"].replace('where = "input 1"', 'where = "input 0"')
    (tmp_path / "ttu-ours.toml").write_text(text, encoding="utf-8")
    status, said = run("ttu-ours", "--folder", str(tmp_path))
    assert status == 1
    assert "ttu-ours.toml:" in said
    assert "same registers as voltage_a" in said


EXPLAINED = {
    "lx47le125": ["100 ms between frames", "max_registers = 1", "mask = 0xFF, values = { 0xF0 = 0, 0x0F = 1 }"],
    "drytype-bwdk": ["raw x 1 -40, none_above = 240", "a sensor"],
    "carlo-gavazzi-em24": ['word_order = "little"', "max_registers = 11"],
}


@pytest.mark.parametrize(("name", "words"), EXPLAINED.items(), ids=EXPLAINED.keys())
def test_limits_and_ways_to_a_value_are_explained(name: str, words: list[str]) -> None:
    said = run(name)[1]
    assert [word for word in words if word not in said] == []
