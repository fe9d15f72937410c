"""Every second the rules hear that time has passed, and nothing that is only shown can end that."""

import asyncio
from collections.abc import Iterable
from pathlib import Path

import pytest

from gateway import rounds
from gateway.app import Gateway
from gateway.board import Board
from gateway.settings import load
from gateway.simulate.site import lay_out
from gateway.store import Draft
from rules.pool import Entry
from tests.virtual import VirtualClock, run_virtual


class Torn(Board):
    """A board that cannot show what it is given, three times."""

    steps = 0

    def step(self, at: float, entries: Iterable[Entry]) -> list[Draft]:
        self.steps += 1
        if self.steps in (1, 2, 4):
            raise ZeroDivisionError
        return super().step(at, entries)


def test_a_board_that_fails_is_said_once_and_ends_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def minding() -> Torn:
        gateway = Gateway(load(lay_out(tmp_path)), VirtualClock())
        gateway.board = board = Torn({})
        going = asyncio.create_task(rounds.run(gateway))
        await asyncio.sleep(5.5)
        assert not going.done()
        going.cancel()
        await gateway.store.close()
        return board

    assert run_virtual(minding()).steps == 5
    assert caplog.text.count("the outage pool cannot be shown") == 2, "once for each time that it begins"
