"""Lays out the config folder of the demo's area, with the ports that this machine has to give."""

import socket
from importlib.resources import files
from pathlib import Path

FILES = ("gateway.toml", "area.toml", "devices.csv", "rules.toml", "scenario.toml")


def lay_out(folder: Path, mqtt_port: int = 1883, terminal_port: int = 0) -> Path:
    """Write the demo's files into a folder and return its gateway.toml. Files that are there already stay."""
    folder = folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    filled = {
        "<FOLDER>": str(folder),
        "<MQTT>": str(mqtt_port),
        "<TTU>": str(terminal_port or free_port()),
    }
    for name in FILES:
        text = files("gateway.simulate").joinpath("demo_site", name).read_text(encoding="utf-8")
        for mark, value in filled.items():
            text = text.replace(mark, value)
        if not (folder / name).exists():
            (folder / name).write_text(text, encoding="utf-8")
    return folder / "gateway.toml"


def free_port() -> int:
    """A TCP port of the loopback that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        number: int = probe.getsockname()[1]
        return number
