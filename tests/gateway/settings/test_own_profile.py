"""What one row makes of a profile, and what is said of a site's own profile, with file, line and reason."""

import shutil
from pathlib import Path

import pytest

from gateway.settings import check, load

CONFIG = Path(__file__).parents[3] / "config"

TURNED = """
protocol = "modbus"
title = "a meter of this site"
[points.active_power]
where = "input 0"
format = "int16"
unit = "kW"
scale = 0.001
[points.power_factor_a]
where = "input 1"
format = "int16"
scale = 0.01
[points.voltage_a]
where = "input 2"
format = "uint16"
unit = "V"
[points.energy_import]
where = "input 10"
format = "uint32"
unit = "kWh"
[points.energy_export_t1]
where = "input 12"
format = "uint32"
unit = "kWh"
[points.reactive_energy_import]
where = "input 14"
format = "uint32"
unit = "kvarh"
[[vectors]]
from = "constructed: no device sent it"
address = "1"
reply = "01 04 02 00 E6 38 BA"
expect = { voltage_a = 230 }
"""

HEADER = "device,profile,line,address,node,phases,baud,invert\n"


def site(folder: Path, profile: str, rows: str) -> Path:
    """The sample site with one profile of its own and these devices."""
    shutil.copytree(CONFIG, folder, dirs_exist_ok=True)
    (folder / "profiles").mkdir(exist_ok=True)
    (folder / "profiles" / "own.toml").write_text(profile, encoding="utf-8")
    (folder / "devices.csv").write_text(HEADER + rows, encoding="utf-8")
    return folder / "gateway.toml"


def test_a_device_that_is_wired_the_wrong_way_round_is_turned(tmp_path: Path) -> None:
    rows = "m1,own,rs485-1,1,B1,A,,no\nm2,own,rs485-1,2,B1,A,,yes\nm3,own,rs485-1,3,B1,A,,yes\n"
    plain, turned, other = load(site(tmp_path, TURNED, rows)).devices
    assert list(plain.profile.points)[3:] == ["energy_import", "energy_export_t1", "reactive_energy_import"]
    places = {point.name: (point.where, point.scale) for point in turned.profile.points.values()}
    assert places == {
        "active_power": ("input 0", -0.001),
        "power_factor_a": ("input 1", -0.01),
        "voltage_a": ("input 2", 1.0),
        "energy_export": ("input 10", 1.0),
        "energy_import_t1": ("input 12", 1.0),
        "reactive_energy_export": ("input 14", 1.0),
    }
    assert turned.points == tuple(places)
    assert turned.profile is other.profile  # one plan for all that are alike


def test_reads_are_planned_for_the_baud_rate_of_the_row(tmp_path: Path) -> None:
    slow, quick = load(site(tmp_path, TURNED, "m1,own,rs485-1,1,B1,A,,\nm2,own,rs485-1,2,B1,A,19200,\n")).devices
    assert (slow.profile.line.baud, quick.profile.line.baud) == (9600, 19200)


def test_only_modbus_devices_are_turned(tmp_path: Path) -> None:
    _, faults = check(site(tmp_path, TURNED, "m1,dlt645-2007-1p,rs485-1,000000000001,B1,A,,yes\n"))
    assert [str(fault).removeprefix(f"{tmp_path}/") for fault in faults] == [
        (
            "devices.csv:2: invert: turns the signs of Modbus devices only; dlt645-2007-1p speaks dlt645."
            " Leave the cell empty."
        )
    ]


FAULTY = {
    "points that overlap": (
        ('where = "input 1"', 'where = "input 0"'),
        "own.toml:9: points.power_factor_a: reads the same registers as active_power (input 0).",
    ),
    "a value that another one cuts": (
        ('where = "input 12"', 'where = "input 11"'),
        "own.toml:21: points.energy_export_t1: input 11+2 cuts energy_import, which is input 10+2.",
    ),
    "bits that are read twice": (
        (
            '[points.energy_import]\nwhere = "input 10"\nformat = "uint32"\nunit = "kWh"\n',
            (
                '[points.alarm]\nwhere = "input 9"\nformat = "uint16"\nbit = 3\n'
                '[points.door_open]\nwhere = "input 9"\nformat = "uint16"\nmask = 0x000C\n'
            ),
        ),
        "own.toml:21: points.door_open: reads bits 0x8 again, as alarm (input 9).",
    ),
    "a value longer than the device gives": (
        ('title = "a meter of this site"', 'title = "t"\nmax_registers = 1'),
        ("own.toml:18: points.energy_import: uint32 is 2 registers long, the device gives at most 1 in one answer."),
    ),
    "a limit beyond the protocol": (
        ('title = "a meter of this site"', 'title = "t"\n\nmax_gap = 200'),
        "own.toml:5: max_gap: 200 must be a whole number from 0 to 124.",
    ),
    "a key that nobody knows": (
        ('title = "a meter of this site"', 'title = "t"\nmax_register = 10'),
        "own.toml:4: max_register: unknown key of a Modbus profile; known are max_registers,",
    ),
    "a kind that is none": (
        ('title = "a meter of this site"', 'title = "t"\nkind = "breaker"'),
        "own.toml:4: kind: 'breaker' is not one of meter, ttu, ltu, sensor.",
    ),
}


@pytest.mark.parametrize(("change", "says"), FAULTY.values(), ids=FAULTY.keys())
def test_a_faulty_profile_is_refused_with_file_line_and_reason(
    tmp_path: Path, change: tuple[str, str], says: str
) -> None:
    assert change[0] in TURNED
    _, faults = check(site(tmp_path, TURNED.replace(*change), "m1,own,rs485-1,1,B1,A,,\n"))
    said = [str(fault).removeprefix(f"{tmp_path}/profiles/") for fault in faults]
    assert said
    assert said[0].startswith(says)
