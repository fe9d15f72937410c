"""A link that is lost, refuses, or is deaf: said once, tried again, and the devices told apart from the line."""

import asyncio
import logging
from dataclasses import dataclass, field

import pytest

from gateway.south.link.api import LinkError
from tests.gateway.south.rig import running, spans, values
from tests.gateway.south.toy import SETTINGS, ToyDevice, toy
from tests.lines import Seat, SimulatedLine
from tests.virtual import virtual


def line_of(*addresses: str) -> SimulatedLine:
    return SimulatedLine([Seat(ToyDevice(address, {"a": address}), SETTINGS) for address in addresses])


@virtual
async def test_a_port_that_is_not_there_makes_every_poll_unreachable_at_its_period() -> None:
    link = line_of("01", "02")
    link.unplugged = True
    async with running(link, toy("01"), toy("02")) as rig:
        await asyncio.sleep(600)
        assert rig.bus.report().says == "the simulated port is not there"
        assert not rig.report("m01").down
    assert set(rig.faults("m01") + rig.faults("m02")) == {"unreachable"}
    assert rig.polls[0].says == "the simulated port is not there"
    assert [round(span) for span in spans(rig.times("m01"))[1:]] == [60] * 9


@virtual
async def test_a_port_that_vanishes_and_comes_back_is_used_again_within_a_minute(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "gateway.south")
    link = line_of("01")
    async with running(link, toy("01", period=5.0)) as rig:
        await asyncio.sleep(100)
        link.unplug()
        await asyncio.sleep(600)
        link.unplugged = False
        back_at = rig.clock.wall()
        await asyncio.sleep(70)
        first = next(poll.at for poll in rig.of("m01") if poll.at > back_at and poll.fault is None)
        assert first - back_at <= 65
        assert rig.bus.report().reopened == 1
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]
    assert "line l1: the simulated port" in caplog.messages[0]
    assert caplog.messages[1] == "line l1: works again"


@virtual
async def test_a_port_that_cannot_be_opened_is_tried_ever_more_slowly_and_never_in_step() -> None:

    @dataclass(slots=True)
    class Missing(SimulatedLine):
        tried: list[float] = field(default_factory=list)

        async def open(self) -> None:
            self.tried.append(asyncio.get_running_loop().time())
            raise LinkError("the simulated port is not there")

    links = [Missing(line_of("01").seats) for _ in range(2)]
    for seed, link in enumerate(links):
        async with running(link, toy("01", period=0.5), seed=seed):
            await asyncio.sleep(1800)
        pauses = spans(link.tried)
        assert all(pause <= most + 0.5 for pause, most in zip(pauses, (1, 2, 4, 8, 16, 32), strict=False))
        assert all(0.75 * 60 - 0.5 <= pause <= 60.5 for pause in pauses[6:])
        assert len(set(map(round, pauses[6:]))) > 5
    assert spans(links[0].tried) != spans(links[1].tried)


@virtual
async def test_a_connection_that_the_other_side_drops_between_polls_costs_no_poll() -> None:
    link = line_of("01")
    async with running(link, toy("01", period=5.0)) as rig:
        for _ in range(20):
            await asyncio.sleep(5)
            link.close()  # a serial server that hangs up on idle connections
    assert set(rig.faults("m01")) == {None}


@virtual
async def test_an_endpoint_that_accepts_and_hangs_up_is_not_stormed() -> None:

    class HangsUp(SimulatedLine):
        def send(self, data: bytes) -> None:
            self.unplugged = True
            try:
                super().send(data)
            finally:
                self.unplugged = False

    link = HangsUp([])
    async with running(link, toy("01", period=1.0)) as rig:
        await asyncio.sleep(600)
    assert link.opened < 20
    assert set(rig.faults("m01")) == {"unreachable"}


@virtual
async def test_a_link_on_which_nobody_answers_is_opened_anew() -> None:
    link = line_of("01", "02")
    for place in link.seats:
        place.alive = False
    async with running(link, toy("01"), toy("02")) as rig:
        await asyncio.sleep(1800)
        assert 2 <= rig.bus.report().reopened <= 10
    assert set(rig.faults("m01")) == {"timeout"}


@virtual
async def test_one_dead_device_is_no_reason_to_open_the_link_anew() -> None:
    link = line_of("01", "02")
    link.seats[1].alive = False
    async with running(link, toy("01"), toy("02")) as rig:
        await asyncio.sleep(7200)
        assert rig.bus.report().reopened == 0


@virtual
async def test_a_question_during_an_outage_of_the_line_is_answered_at_once() -> None:
    link = line_of("01")
    link.unplugged = True
    async with running(link, toy("01")) as rig:
        await asyncio.sleep(1)
        poll = await rig.bus.ask("m01")
        assert (poll.fault, values(poll)) == ("unreachable", {})
