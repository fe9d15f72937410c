"""`taiqu check` names every fault of every file, with the line and what to do."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.settings import SettingsError, check, load

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


ONE_FAULT = {
    "a sensor that is on a phase": (
        "devices.csv",
        "TTU,ttu-modbus,ttu,1,T1,ABC",
        "TTU,eaton-tc50,ttu,1,T1,ABC",
        (
            "devices.csv:12: phases: a sensor is on no phase. Leave the cell empty, or write the kind of device that"
            " it is."
        ),
    ),
    "a misspelt key of a line": (
        "gateway.toml",
        "period_s = 60                  #",
        "preiod_s = 60 #",
        "gateway.toml:21: line[1].preiod_s: is not known here. Check the spelling, or take it out.",
    ),
    "a number in quotes": (
        "gateway.toml",
        "port = 1883",
        'port = "1883"',
        "gateway.toml:41: mqtt.port: '1883' must be a number: take the quotes away.",
    ),
    "a port that is none": (
        "gateway.toml",
        "tcp://192.168.10.21:4001",
        "192.168.10.21:4001",
        (
            "gateway.toml:29: line[2].port: '192.168.10.21:4001' is no port."
            " Write /dev/ttyS1, tcp://HOST:PORT or modbus-tcp://HOST:PORT."
        ),
    ),
    "a line that is there twice": (
        "gateway.toml",
        "[mqtt]",
        '[[line]]\nid = "ttu"\nport = "/dev/ttyS9"\n[mqtt]',
        "gateway.toml:40: line[4].id: 'ttu' is taken by the line at 35. Each line has its own.",
    ),
    "a gateway id that breaks topics": (
        "gateway.toml",
        '"lianhua-03"',
        '"lianhua/03"',
        (
            "gateway.toml:5: gateway.id: 'lianhua/03' must not contain + or #, nor / in an id"
            " (it becomes part of MQTT topics)."
        ),
    ),
    "a root that is no topic": (
        "gateway.toml",
        '# root = "taiqu" ',
        'root = "grid/#/taiqu" ',
        (
            "gateway.toml:42: mqtt.root: 'grid/#/taiqu' must not contain + or #, nor / in an id"
            " (it becomes part of MQTT topics)."
        ),
    ),
    "a password that is nowhere": (
        "gateway.toml",
        '# password_file = ""           # a file,',
        'password_file = "broker.secret" # a file,',
        (
            "gateway.toml:45: mqtt.password_file: there is no file 'broker.secret'."
            " Create it, readable by the service alone."
        ),
    ),
    "a face that would break topics": (
        "gateway.toml",
        '# [faces]\n# home_assistant = "" ',
        '[faces]\nsparkplug = "grid/7"',
        (
            "gateway.toml:62: faces.sparkplug: 'grid/7' must not contain + or #, nor / in an id"
            " (it becomes part of MQTT topics)."
        ),
    ),
    "a face without a broker": (
        "gateway.toml",
        '[mqtt]\nhost = "broker.example"\nport = 1883',
        '[faces]\nsparkplug = "grid"',
        "gateway.toml:39: faces: needs a broker to speak to. Add [mqtt].",
    ),
    "a file that is no TOML": (
        "gateway.toml",
        'id = "lianhua-03" ',
        "id = lianhua-03 ",
        "gateway.toml:5: is no TOML at column 6: Invalid value. Texts need quotes.",
    ),
    "a node of an unknown kind": (
        "area.toml",
        'kind = "transformer"',
        'kind = "trafo"',
        "area.toml:15: node[2].kind: 'trafo' is not one of 'mv_feeder', 'transformer', 'feeder', 'line' or 'box'.",
    ),
    "a plan that ends before it begins": (
        "area.toml",
        "# [[planned]]",
        '[[planned]]\nid = "P"\nnode = "F1"\nstart = 2026-12-01T11:00:00+08:00\nend = 2026-12-01T09:00:00+08:00\n#',
        "area.toml:69: planned[1].end: is not after start. Correct one of them.",
    ),
    "a plan of a year that nobody can mean": (
        "area.toml",
        "# [[planned]]",
        '[[planned]]\nid = "P"\nnode = "F1"\nstart = 2026-12-01T11:00:00Z\nend = 9999-12-31T23:59:59Z\n#',
        "area.toml:69: planned[1].end: 9999 is not from 1970 to 2199. Correct it.",
    ),
    "an order of a year that nobody can mean": (
        "area.toml",
        "# [[order]]",
        '[[order]]\ndevice = "M-0107"\nat = 0001-01-01T00:00:00+08:00\n#',
        "area.toml:76: order[1].at: 1 is not from 1970 to 2199. Correct it.",
    ),
    "a plan without an offset": (
        "area.toml",
        "# [[planned]]",
        '[[planned]]\nid = "P"\nnode = "F1"\nstart = 2026-12-01T11:00:00\nend = 2026-12-01T19:00:00+08:00\n#',
        "area.toml:68: planned[1].start: '2026-12-01T11:00:00': input should have timezone info.",
    ),
    "a profile that does not exist": (
        "devices.csv",
        "M-0101,dlt645-2007-1p",
        "M-0101,dlt645-2007-1ph",
        "devices.csv:2: profile: there is no profile 'dlt645-2007-1ph'; did you mean 'dlt645-2007-1p'?",
    ),
    "a line that does not exist": (
        "devices.csv",
        "M-0101,dlt645-2007-1p,rs485-1",
        "M-0101,dlt645-2007-1p,rs485-3",
        "devices.csv:2: line: there is no line 'rs485-3' in gateway.toml; did you mean 'rs485-2'?",
    ),
    "a node that does not exist": (
        "devices.csv",
        "202611000101,B1",
        "202611000101,B9",
        (
            "devices.csv:2: node: there is no node 'B9' in area.toml;"
            " there is 'B1', 'B2', 'B3', 'F1', 'F2', 'L1', 'L2', 'MV12', 'T1'"
        ),
    ),
    "an address that a spreadsheet turned into a number": (
        "devices.csv",
        "202611000101",
        "2.02611E+11",
        (
            "devices.csv:2: address: '2.02611E+11' was mangled by a spreadsheet."
            " Format the column as text and enter it anew."
        ),
    ),
    "two meters with one address on one line": (
        "devices.csv",
        "202611000102",
        "202611000101",
        "devices.csv:3: address: 202611000101 on rs485-1 is the device of line 2 already. Two would answer at once.",
    ),
    "a device that is there twice": (
        "devices.csv",
        "M-0102",
        "M-0101",
        "devices.csv:3: device: 'M-0101' stands in line 2 already. Rename one.",
    ),
    "a point that the profile has not": (
        "devices.csv",
        "310000101,,",
        "310000101,,voltage curent",
        "devices.csv:2: points: dlt645-2007-1p has no point 'curent'; did you mean 'current'?",
    ),
    "a meter protocol behind a Modbus TCP endpoint": (
        "devices.csv",
        "M-0108,dlt645-2007-1p,rs485-2",
        "M-0108,dlt645-2007-1p,ttu",
        "devices.csv:11: line: ttu is a Modbus TCP endpoint, the profile speaks dlt645. Use a tcp:// line.",
    ),
    "a column that nobody knows": (
        "devices.csv",
        "customer,kind",
        "custommer,kind",
        "devices.csv:1: custommer: is no column; did you mean 'customer'?",
    ),
    "a needed cell that is empty": (
        "devices.csv",
        "rs485-1,202611000101",
        ",202611000101",
        "devices.csv:2: line: is empty. Every device needs it.",
    ),
    "a row with a comma too many": (
        "devices.csv",
        "310000101,,",
        "310000101,,,,",
        "devices.csv:2: has 11 cells, the header 9. Put a cell that holds ',' in quotes.",
    ),
}


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
        *("gateway.toml:29", "gateway.toml:31", "gateway.toml:41"),
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
