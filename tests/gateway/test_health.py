"""The service tells systemd the truth: alive only while everything moves."""

import socket
from pathlib import Path

import pytest

from gateway.health import Health, Progress, Systemd


class Manager:
    """What systemd does with the datagrams."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self._socket.bind(str(path))
        self.address = str(path)

    def heard(self) -> list[str]:
        try:
            return self._socket.recv(4096).decode().splitlines()
        except BlockingIOError:
            return []

    def close(self) -> None:
        self._socket.close()


def test_the_watchdog_is_fed_while_everything_moves_and_not_when_one_part_is_stuck(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    manager = Manager(tmp_path / "notify")
    polls = commits = 0
    watched = [Progress("line rs485-1", lambda: polls, 60), Progress("store", lambda: commits, 30)]
    health = Health(Systemd(manager.address), watched, lambda: "40 devices")
    health.beat(0)
    assert manager.heard() == ["WATCHDOG=1", "STATUS=40 devices"]
    for now in (20, 40, 60):
        commits += 1
        health.beat(now)
        assert manager.heard()[0] == "WATCHDOG=1"
    for now in (80, 100):
        commits += 1
        health.beat(now)
        assert manager.heard() == ["STATUS=no progress: line rs485-1"]
    assert caplog.text.count("no progress: line rs485-1") == 1
    polls += 1
    health.beat(110)
    assert manager.heard()[0] == "WATCHDOG=1"
    manager.close()


def test_a_service_without_a_manager_tells_nobody() -> None:
    Systemd("").tell("READY=1")
    Systemd("/nowhere/notify").tell("READY=1")
