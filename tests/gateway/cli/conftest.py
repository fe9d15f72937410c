"""A small site with a broker, for what the command line asks over MQTT."""

from pathlib import Path

import pytest

from tests.servers import Server

CONFIG = """
[gateway]
id = "gw1"
[store]
path = "store.db"
[mqtt]
port = {port}
[[line]]
id = "rs485-1"
port = "/dev/ttyS9"
"""
AREA = """
[area]
id = "TQ1"
[[node]]
id = "T1"
kind = "transformer"
[[node]]
id = "B1"
kind = "box"
parent = "T1"
"""
DEVICES = """device,profile,line,address,node,phases,customer
M1,dlt645-2007-1p,rs485-1,000000000012,B1,A,C1
"""


@pytest.fixture
def config(tmp_path: Path, mosquitto: Server) -> Path:
    (tmp_path / "gateway.toml").write_text(CONFIG.format(port=mosquitto.port))
    (tmp_path / "area.toml").write_text(AREA)
    (tmp_path / "devices.csv").write_text(DEVICES)
    (tmp_path / "rules.toml").write_text("")
    return tmp_path / "gateway.toml"
