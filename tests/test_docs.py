"""What the documents name exists, and what exists is documented."""

import json
import re
import shlex
import tomllib
from collections.abc import Iterator
from dataclasses import MISSING, fields
from pathlib import Path

import pytest
import typer.main

from gateway.cli.main import app
from gateway.rule_cases import agrees, read_cases, run_case
from gateway.settings import devices_file, schemas
from gateway.settings.gateway_file import GatewayFile, Identity
from gateway.settings.models import (
    Backfill,
    ClockCare,
    CommandSettings,
    ControlSettings,
    Faces,
    Influx,
    Line,
    MeterSecrets,
    Metrics,
    Mqtt,
    Operator,
    Permit,
    Store,
    Tls,
)
from gateway.verbs import VOCABULARY, Verb
from rules.kinds import KINDS

ROOT = Path(__file__).parents[1]
DOCUMENTS = {name: (ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "CONTRIBUTING.md")}
VERBS = set(typer.main.get_group(app).commands)
TARGETS = set(re.findall(r"^([a-z%-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
TABLES = {
    "gateway": Identity,
    "store": Store,
    "line": Line,
    "mqtt": Mqtt,
    "mqtt.tls": Tls,
    "faces": Faces,
    "influx": Influx,
    "metrics": Metrics,
    "backfill": Backfill,
    "clock": ClockCare,
    "commands": CommandSettings,
    "commands.operator": Operator,
    "control": ControlSettings,
    "control.permit": Permit,
    "control.meters": MeterSecrets,
}


def code(text: str) -> Iterator[str]:
    """What stands in back ticks and in code blocks."""
    yield from re.findall(r"```\w*\n(.*?)```", text, re.DOTALL)
    yield from re.findall(r"`([^`\n]+)`", text)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_command_that_a_document_names_exists(name: str) -> None:
    named = {verb for piece in code(DOCUMENTS[name]) for verb in re.findall(r"\btaiqu ([a-z]+)", piece)}
    assert named
    assert named <= VERBS


def test_every_command_stands_in_the_readme() -> None:
    named = {verb for piece in code(DOCUMENTS["README.md"]) for verb in re.findall(r"\btaiqu ([a-z]+)", piece)}
    assert named == VERBS


@pytest.mark.parametrize("name", sorted(VERBS))
def test_every_command_has_an_example_in_its_help(name: str) -> None:
    command = typer.main.get_group(app).commands[name]
    assert re.search(rf"Examples?: taiqu {name}\b", command.help or "")


ROWS = {
    row[1]: row
    for row in re.finditer(r"^\| `(\w+)` \| (.*?) ?\| (.*?) \| `(taiqu ask .*?)` \|$", DOCUMENTS["README.md"], re.M)
}


def test_every_verb_for_operators_stands_in_the_readme() -> None:
    assert ROWS.keys() == VOCABULARY.keys()


@pytest.mark.parametrize("verb", VOCABULARY.values(), ids=VOCABULARY.keys())
def test_a_verb_has_the_arguments_that_the_readme_gives_it_and_an_example_that_fits(verb: Verb) -> None:
    needs, _, takes = ROWS[verb.name][2].partition("[")
    assert re.findall(r"`(\w+)`", needs) == list(verb.needs)
    assert re.findall(r"`(\w+)`", takes) == list(verb.takes)
    _, _, name, *words = shlex.split(ROWS[verb.name][4].partition(" --operator")[0])
    given = [word.partition("=")[0] for word in words]
    assert name == verb.name
    assert set(verb.needs) <= set(given) <= set(verb.arguments)


def test_every_type_of_incident_stands_in_the_readme_with_what_it_says_and_what_to_do() -> None:
    rows = re.findall(r"^\| `(\w+)` \| ([^|]+) \| ([^|]+) \| ([^|]+) \|$", DOCUMENTS["README.md"], re.MULTILINE)
    told = {name: (says, severities, remedy) for name, says, severities, remedy in rows if name in KINDS}
    assert told == {name: (kind.says, ", ".join(kind.severities), kind.remedy) for name, kind in KINDS.items()}


def test_the_rule_cases_of_the_readme_are_good(tmp_path: Path) -> None:
    (text,) = re.findall(r"^```toml\n(.*?)^```$", DOCUMENTS["README.md"], re.MULTILINE | re.DOTALL)
    (tmp_path / "cases.toml").write_text(text, encoding="utf-8")
    for case in read_cases(tmp_path / "cases.toml"):
        assert agrees(case.events, run_case(case), case.interval_s), case.title


def test_every_trouble_of_the_gateway_itself_stands_in_the_readme() -> None:
    troubles = set(re.findall(r'Trouble\(\s*"(\w+)"', (ROOT / "gateway/selfcare.py").read_text(encoding="utf-8")))
    assert "store_full" in troubles
    assert troubles <= set(re.findall(r"`(\w+)`", DOCUMENTS["README.md"]))


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_make_target_that_a_document_names_exists(name: str) -> None:
    named = {target for piece in code(DOCUMENTS[name]) for target in re.findall(r"\bmake ([a-z-]+)", piece)}
    assert named
    assert {target if not target.startswith("bench-") else "bench-%" for target in named} <= TARGETS


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_file_that_a_document_points_to_exists(name: str) -> None:
    pointed = re.findall(r"\]\(([^)#]+)\)", DOCUMENTS[name])
    named = [
        piece
        for piece in code(DOCUMENTS[name])
        if re.fullmatch(r"(gateway|drivers|rules|tests|config)/[\w./-]+", piece)
    ]
    assert [path for path in pointed + named if not (ROOT / path).exists()] == []


def test_the_sample_shows_every_setting_with_its_default() -> None:
    shown: dict[str, dict[str, str]] = {}
    table = ""
    for line in (ROOT / "config" / "gateway.toml").read_text(encoding="utf-8").splitlines():
        if header := re.match(r"^(?:# )?\[+([a-z.]+)\]+(?: +#.*)?$", line):
            table = header[1]
        elif key := re.match(r"^(# )?([a-z_0-9]+) = (\S+)", line):
            shown.setdefault(table, {}).setdefault(key[2], key[3] if key[1] else "")
    assert {field.name for field in fields(GatewayFile)} == {name.partition(".")[0] for name in TABLES}
    for name, record in TABLES.items():
        plain = [field for field in fields(record) if f"{name}.{field.name}" not in TABLES]
        assert set(shown[name]) == {field.name for field in plain}, name
        for field in plain:
            if (text := shown[name][field.name]) and field.default not in (MISSING, ()):
                assert tomllib.loads(f"x = {text}")["x"] == field.default or isinstance(field.default, str), field.name


def test_the_readme_names_every_column_of_the_devices() -> None:
    pieces = set(re.findall(r"`([^`\n]+)`", DOCUMENTS["README.md"]))
    assert set(devices_file.COLUMNS) <= pieces


@pytest.mark.parametrize("name", ["gateway", "area"])
def test_the_published_schema_is_fresh(name: str) -> None:
    published = json.loads((ROOT / "config" / f"{name}.schema.json").read_text(encoding="utf-8"))
    assert published == schemas.schema(name), f"run: taiqu schema {name} > config/{name}.schema.json"
