"""Calendar work is done at its hours, whoever sets the clock, and one that fails is done again at the next."""

import asyncio
from datetime import timedelta

import pytest

from gateway.jobs import Jobs
from tests.virtual import VirtualClock, virtual

DAY, YEARS_20 = 86_400.0, 20 * 365 * 86_400.0


def begun(crontab: str) -> tuple[VirtualClock, Jobs, list[float]]:
    """A calendar with one job, `it`, at work; and the times at which that was done."""
    clock, done = VirtualClock(), list[float]()

    async def work() -> None:
        done.append(clock.wall())

    jobs = Jobs(clock)
    jobs.at(crontab, "it", work)
    jobs.start()
    return clock, jobs, done


@virtual
async def test_an_hourly_job_is_due_at_its_minute_and_stops_with_the_service() -> None:
    _, jobs, done = begun("7 * * * *")
    due = jobs.due("it")
    assert (due.minute, due.second) == (7, 0)
    assert due.tzinfo is not None
    await asyncio.sleep(3 * 3600)
    assert [round(at) % 3600 for at in done] == [7 * 60] * 3
    jobs.stop()
    await asyncio.sleep(3 * 3600)
    assert len(done) == 3


STEPS = {
    "it is set back by years": (-YEARS_20,),
    "it is set on by years": (YEARS_20,),
    "it was years ahead for a minute": (YEARS_20, -YEARS_20),
    "it was years back for a minute": (-YEARS_20, YEARS_20),
    "it is set back by hours": (-5 * 3600,),
}


@pytest.mark.parametrize("steps", STEPS.values(), ids=STEPS.keys())
@virtual
async def test_a_daily_job_goes_on_whatever_the_clock_does(steps: tuple[float, ...]) -> None:
    clock, jobs, done = begun("20 0 * * *")
    for step in steps:
        await asyncio.sleep(60)
        clock.step(step)
    await asyncio.sleep(60)
    assert jobs.due("it").timestamp() - clock.wall() <= DAY
    await asyncio.sleep(3 * DAY)
    jobs.stop()
    assert len(done) == 3


@virtual
async def test_an_hour_is_not_done_twice_when_the_clock_goes_back_a_little() -> None:
    clock, jobs, done = begun("7 * * * *")
    await asyncio.sleep(7 * 60 + 1)
    clock.step(-120)
    await asyncio.sleep(600)
    assert len(done) == 1
    assert jobs.due("it").timestamp() - done[0] == pytest.approx(timedelta(hours=1).total_seconds(), abs=1)
    jobs.stop()


@pytest.mark.parametrize(("step", "times"), [(3600, 1), (3 * 3600, 0)], ids=["an hour late", "too late"])
@virtual
async def test_a_job_whose_hour_was_skipped_is_done_late_or_not_at_all(step: float, times: int) -> None:
    clock, jobs, done = begun("30 12 * * *")  # the virtual clock starts at noon of UTC, wherever this is run
    clock.step(jobs.due("it").timestamp() - clock.wall() - 60)
    await asyncio.sleep(31)
    clock.step(step)
    await asyncio.sleep(31)
    jobs.stop()
    assert len(done) == times


@virtual
async def test_a_job_that_fails_is_said_and_called_again(caplog: pytest.LogCaptureFixture) -> None:
    async def work() -> None:
        raise RuntimeError("the disk is full")

    jobs = Jobs(VirtualClock())
    jobs.at("7 * * * *", "retention", work)
    jobs.start()
    await asyncio.sleep(2 * 3600)
    jobs.stop()
    assert caplog.text.count("retention failed") == 2
