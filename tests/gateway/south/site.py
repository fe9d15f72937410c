"""A small site on disk: two meters on one line."""

from pathlib import Path

METERS = {"m1": "000000000012", "m2": "000000000345"}


def write_site(folder: Path, port: str) -> Path:
    """Write config files for one line and give the path of gateway.toml."""
    (folder / "gateway.toml").write_text(
        f"""
[gateway]
id = "gw"
area = "area.toml"
devices = "devices.csv"

[store]
path = "taiqu.db"

[[line]]
id = "rs485-1"
port = "{port}"
late_guard_s = 0.05
"""
    )
    (folder / "area.toml").write_text(
        """
[area]
id = "A1"

[[node]]
id = "T1"
kind = "transformer"

[[node]]
id = "B1"
kind = "box"
parent = "T1"
"""
    )
    (folder / "rules.toml").write_text("")
    rows = [f"{device},dlt645-2007-1p,rs485-1,{address},B1,A,c-{device},0.2" for device, address in METERS.items()]
    (folder / "devices.csv").write_text(
        "\n".join(["device,profile,line,address,node,phases,customer,timeout_s", *rows]) + "\n"
    )
    return folder / "gateway.toml"
