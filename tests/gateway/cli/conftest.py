"""What an operator's machine needs to know of a gateway that it asks over MQTT: its name and its broker."""

from pathlib import Path

import pytest

from tests.servers import Server


@pytest.fixture
def config(tmp_path: Path, mosquitto: Server) -> Path:
    path = tmp_path / "gateway.toml"
    path.write_text(f'[gateway]\nid = "gw1"\n[mqtt]\nport = {mosquitto.port}\n')
    return path
