"""The project as it is handed out: the wheel, the unit files, the names of things."""

import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("gateway", "drivers", "rules")
DATA = {".toml", ".csv", ".typed"}


def tracked(*folders: str) -> set[str]:
    """Files of the product below these folders, as the source tree has them."""
    return {
        str(path.relative_to(ROOT))
        for folder in folders
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and (path.suffix == ".py" or path.suffix in DATA)
    }


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """Built from a copy, so that building leaves nothing in the source tree."""
    copy = tmp_path_factory.mktemp("source")
    for name in (*PACKAGES, "pyproject.toml", "README.md", "LICENSE"):
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, copy / name)
    out = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(out), str(copy)]
    subprocess.run(command, check=True, capture_output=True)
    (built,) = out.glob("taiqu_gateway-*.whl")
    return zipfile.ZipFile(built)


def test_the_wheel_holds_exactly_the_three_packages_with_their_data(wheel: zipfile.ZipFile) -> None:
    names = {name for name in wheel.namelist() if ".dist-info/" not in name}
    assert names == tracked(*PACKAGES)
    assert {f"{package}/py.typed" for package in PACKAGES} <= names


def test_the_wheel_brings_the_command_and_the_drivers(wheel: zipfile.ZipFile) -> None:
    (entry_points,) = (name for name in wheel.namelist() if name.endswith("entry_points.txt"))
    text = wheel.read(entry_points).decode()
    assert "taiqu = gateway.cli.main:main" in text
    for protocol in ("dlt645", "modbus", "modbus-tcp"):
        assert f"\n{protocol} = drivers." in text


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not on this machine")
def test_systemd_has_nothing_to_say_against_the_units(tmp_path: Path) -> None:
    units = [ROOT / "systemd" / f"taiqu-gateway.{kind}" for kind in ("service", "path")]
    for unit in units:
        text = unit.read_text(encoding="utf-8").replace("/opt/taiqu-gateway/bin/taiqu", "/bin/true")
        (tmp_path / unit.name).write_text(text)
    command = ["systemd-analyze", "verify", "--man=no", *(str(tmp_path / unit.name) for unit in units)]
    verdict = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (verdict.returncode, verdict.stdout, verdict.stderr) == (0, "", "")


def test_faulty_files_keep_the_service_from_starting_and_a_changed_file_starts_it() -> None:
    """systemd restarts everything but a condition that was not met (since 251)."""
    service, path = ((ROOT / "systemd" / f"taiqu-gateway.{kind}").read_text("utf-8") for kind in ("service", "path"))
    condition = re.search(r"^ExecCondition=(.*)$", service, re.MULTILINE)
    start = re.search(r"^ExecStart=(.*)$", service, re.MULTILINE)
    assert condition is not None
    assert start is not None
    assert condition[1].replace(" check ", " run ") == start[1]
    folder = Path(start[1].split()[-1]).parent
    assert f"\nPathChanged={folder}\n" in path
    assert f"\nPathChanged={folder}/profiles\n" in path
    assert "\nAlso=taiqu-gateway.path\n" in service


def test_nothing_is_looked_for_in_what_the_unit_hides() -> None:
    """With ProcSubset=pid there is nothing below /proc but processes: not even /proc/net."""
    assert "ProcSubset=pid" in (ROOT / "systemd" / "taiqu-gateway.service").read_text()
    sources = {path: path.read_text() for path in (ROOT / "gateway").rglob("*.py")}
    named = {found for text in sources.values() for found in re.findall(r'"(/proc/[^/"]+)', text)}
    assert named == {"/proc/self", "/proc/{pid}"}


def test_the_python_versions_are_said_the_same_everywhere() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["requires-python"] == ">=3.11,<3.14"
    said = {line.rpartition(" ")[2] for line in project["classifiers"] if "Python :: 3." in line}
    assert said == {"3.11", "3.12", "3.13"}
