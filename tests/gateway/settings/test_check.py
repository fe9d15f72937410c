"""`taiqu check` names every fault of every file, with the line and what to do."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.settings import SettingsError, check, load
from tests.gateway.settings.one_fault import ONE_FAULT

CONFIG = Path(__file__).parents[3] / "config"
Faults = Callable[..., list[str]]


@pytest.fixture
def faults(tmp_path: Path) -> Faults:
    """Copies the sample site, replaces one text in one file, and gives the faults without the folder's name."""

    def of(file: str = "gateway.toml", old: str = "", new: str = "") -> list[str]:
        shutil.copytree(CONFIG, tmp_path / "config", dirs_exist_ok=True)
        path = tmp_path / "config" / file
        text = path.read_text(encoding="utf-8")
        assert old in text, f"the sample {file} has no {old!r}"
        path.write_text(text.replace(old, new, 1) if old else text, encoding="utf-8")
        site, found = check(tmp_path / "config" / "gateway.toml")
        assert found or site is not None
        return [str(fault).removeprefix(f"{tmp_path}/config/") for fault in found]

    return of


def test_the_sample_site_is_good(faults: Faults) -> None:
    assert faults() == []


@pytest.mark.parametrize(("file", "old", "new", "says"), ONE_FAULT.values(), ids=ONE_FAULT.keys())
def test_a_fault_is_named_with_its_place_and_remedy(faults: Faults, file: str, old: str, new: str, says: str) -> None:
    assert faults(file, old, new) == [says]


def test_a_meter_address_that_lost_its_zeros_is_explained(faults: Faults) -> None:
    (says,) = faults("devices.csv", "202611000101", "26110101")
    assert says.startswith("devices.csv:2: address: ")
    assert "twelve" in says


@pytest.mark.parametrize("file", ["gateway.toml", "area.toml", "devices.csv", "rules.toml"])
def test_a_missing_file_is_named(tmp_path: Path, file: str) -> None:
    shutil.copytree(CONFIG, tmp_path / "config")
    (tmp_path / "config" / file).unlink()
    _, found = check(tmp_path / "config" / "gateway.toml")
    assert f"{tmp_path}/config/{file}: cannot be read: No such file or directory." in "\n".join(map(str, found))


def test_all_faults_of_all_files_come_at_once_in_order(tmp_path: Path) -> None:
    shutil.copytree(CONFIG, tmp_path / "config")
    for file, old, new in (
        ("gateway.toml", "tcp://192.168.10.21:4001", "nowhere"),
        ("gateway.toml", "port = 1883", 'port = "1883"'),
        ("gateway.toml", "collector_node =", "colector_node ="),
        ("area.toml", 'kind = "transformer"', 'kind = "trafo"'),
        ("area.toml", 'parent = "F1"', 'parent = "F7"'),
        ("devices.csv", "M-0101,dlt645-2007-1p", "M-0101,unknown"),
        ("devices.csv", "M-0102,dlt645-2007-1p,rs485-1", "M-0102,dlt645-2007-1p,rs485-9"),
    ):
        path = tmp_path / "config" / file
        path.write_text(path.read_text(encoding="utf-8").replace(old, new, 1), encoding="utf-8")
    with pytest.raises(SettingsError) as error:
        load(tmp_path / "config" / "gateway.toml")
    places = [str(fault).removeprefix(f"{tmp_path}/config/").split(": ")[0] for fault in error.value.faults]
    assert places == [
        *("area.toml:15", "area.toml:33", "devices.csv:2", "devices.csv:3"),
        *("gateway.toml:30", "gateway.toml:32", "gateway.toml:42"),
    ]


def test_without_gateway_toml_nothing_else_is_missed(tmp_path: Path) -> None:
    _, found = check(tmp_path / "nowhere.toml")
    assert [fault.file.name for fault in found] == ["nowhere.toml"]


def test_a_row_that_names_no_line_says_its_other_faults_too(faults: Faults) -> None:
    found = faults("devices.csv", "M-0101,dlt645-2007-1p,rs485-1,202611000101,B1,A", "M-0101,dlt645-2007-1p,x,12z,B1,D")
    assert [says.split(": ")[:2] for says in found] == [
        ["devices.csv:2", field] for field in ("line", "phases", "address")
    ]


def test_a_spreadsheet_may_write_out_that_nothing_backs_a_device_up(tmp_path: Path) -> None:
    shutil.copytree(CONFIG, tmp_path / "config")
    path = tmp_path / "config" / "devices.csv"
    text = path.read_text(encoding="utf-8").replace(",points\n", ",backup_s\n").replace(",ltu,\n", ",ltu,0\n")
    path.write_text(text, encoding="utf-8")
    devices = {device.id: device for device in load(tmp_path / "config" / "gateway.toml").devices}
    assert devices["FU-1"].backup_s == 0


def test_the_fingerprint_changes_with_a_profile_of_the_site(tmp_path: Path) -> None:
    shutil.copytree(CONFIG, tmp_path / "config")
    before = load(tmp_path / "config" / "gateway.toml").fingerprint
    own = tmp_path / "config" / "profiles" / "own.toml"
    own.parent.mkdir()
    own.write_text(SITE_PROFILE.format(unit="V", volts=230.5), encoding="utf-8")
    assert load(tmp_path / "config" / "gateway.toml").fingerprint != before


EXPORTS = {
    "UTF-8 with a byte order mark": lambda text: text.encode("utf-8-sig"),
    "GB 18030 as Chinese spreadsheets write": lambda text: text.replace("310000101", "客户甲").encode("gb18030"),
    "UTF-16 with tabulators, a spreadsheet's Unicode text": lambda text: text.replace(",", "\t").encode("utf-16"),
    "semicolons": lambda text: text.replace(",", ";").encode(),
    "tabulators": lambda text: text.replace(",", "\t").encode(),
    "Windows line ends": lambda text: text.replace("\n", "\r\n").encode(),
    "empty rows and a comment": lambda text: (text + ",,,,,,,,\n# spare\n\n").encode(),
}


@pytest.mark.parametrize("export", EXPORTS.values(), ids=EXPORTS.keys())
def test_a_spreadsheet_export_is_read_as_it_is(tmp_path: Path, export: Callable[[str], bytes]) -> None:
    shutil.copytree(CONFIG, tmp_path / "config")
    path = tmp_path / "config" / "devices.csv"
    path.write_bytes(export(path.read_text(encoding="utf-8")))
    site = load(tmp_path / "config" / "gateway.toml")
    assert [device.id for device in site.devices][:2] == ["M-0101", "M-0102"]
    assert len(site.devices) == 11


NO_TABLES = {
    "a workbook": (b"PK\x03\x04rest", ": is a spreadsheet's own file, no text. Save it as 'CSV UTF-8'."),
    "an old workbook": (b"\xd0\xcf\x11\xe0rest", ": is a spreadsheet's own file, no text. Save it as 'CSV UTF-8'."),
    "a picture": (b"\x89PNG\r\n\xff\xff\xff", ":2: is neither UTF-8 nor GB 18030. Save it as 'CSV UTF-8'."),
    "nothing": (b"", ":1: is empty. The first line names the columns: device, profile, line, address, node, ..."),
    "a header alone": (
        b"device,profile,line,address,node\n", ": holds no device. Add a row for each meter and terminal.",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("content", "says"), NO_TABLES.values(), ids=NO_TABLES.keys())
def test_what_is_no_table_is_said(tmp_path: Path, content: bytes, says: str) -> None:
    shutil.copytree(CONFIG, tmp_path / "config")
    (tmp_path / "config" / "devices.csv").write_bytes(content)
    _, found = check(tmp_path / "config" / "gateway.toml")
    assert f"{tmp_path}/config/devices.csv{says}" in map(str, found)


def test_a_device_gets_its_settings_from_row_line_and_profile(tmp_path: Path) -> None:
    shutil.copytree(CONFIG, tmp_path / "config")
    devices = {device.id: device for device in load(tmp_path / "config" / "gateway.toml").devices}
    assert (devices["M-0101"].wire.baud, devices["M-0101"].wire.parity) == (2400, "even")
    assert (devices["FU-1"].kind, devices["FU-1"].driver) == ("ltu", "modbus")
    assert (devices["TTU"].kind, devices["TTU"].driver, devices["TTU"].period_s) == ("ttu", "modbus-tcp", 15)


SITE_PROFILE = """
protocol = "dlt645"
title = "a meter of this site"
[points.voltage]
where = "02010100"
format = "XXX.X"
unit = "{unit}"
[[vectors]]
from = "constructed: from the frame layout"
address = "000000000012"
reply = "68 12 00 00 00 00 00 68 91 06 33 34 34 35 38 56 D7 16"
expect = {{ voltage = {volts} }}
"""
SITE_PROFILES = {
    "a good one can be used": ("own", "V", 230.5, []),
    "a wrong unit is named": (
        "own",
        "mV",
        230.5,
        ["own.toml:7: points.voltage.unit: is 'mV', but voltage is in 'V'. Set scale so that it is."],
    ),
    "one that is not proven is refused": (
        "own",
        "V",
        231.5,
        ["own.toml:8: vectors[1]: does not prove the profile: voltage is 230.5, expected 231.5."],
    ),
    "one that hides a profile of the product is refused": (
        "dlt645-2007-1p",
        "V",
        230.5,
        ["dlt645-2007-1p.toml: 'dlt645-2007-1p' is a profile of the product. Give the file another name."],
    ),
}


@pytest.mark.parametrize(("name", "unit", "volts", "says"), SITE_PROFILES.values(), ids=SITE_PROFILES.keys())
def test_profiles_of_the_site(tmp_path: Path, name: str, unit: str, volts: float, says: list[str]) -> None:
    shutil.copytree(CONFIG, tmp_path / "config")
    folder = tmp_path / "config" / "profiles"
    folder.mkdir()
    (folder / f"{name}.toml").write_text(SITE_PROFILE.format(unit=unit, volts=volts), encoding="utf-8")
    _, found = check(tmp_path / "config" / "gateway.toml")
    assert [str(fault).removeprefix(f"{folder}/") for fault in found] == says


def test_what_the_utility_announces_is_read_with_its_kind(tmp_path: Path) -> None:
    shutil.copytree(CONFIG, tmp_path / "config")
    path = tmp_path / "config" / "area.toml"
    times = "start = 2026-12-01T09:00:00+08:00\nend = 2026-12-01T11:00:00+08:00"
    rows = [
        f'[[planned]]\nid = "P1"\nnode = "F2"\n{times}',
        f'[[planned]]\nid = "P2"\nnode = "B3"\n{times}\nkind = "orderly"',
        '[[order]]\ndevice = "M-0107"\nat = 2026-11-20T10:00:00+08:00',
    ]
    path.write_text(path.read_text(encoding="utf-8") + "\n" + "\n".join(rows) + "\n", encoding="utf-8")
    site = load(tmp_path / "config" / "gateway.toml")
    assert [(plan.id, plan.kind) for plan in site.planned] == [("P1", "planned"), ("P2", "orderly")]
    assert [(order.device, order.kind) for order in site.orders] == [("M-0107", "arrears")]
