"""Calendar work is due when its line of the calendar says."""

from gateway.jobs import Jobs


async def test_an_hourly_job_is_due_at_its_minute_and_stops_with_the_service() -> None:
    async def work() -> None:
        raise AssertionError("not now")

    jobs = Jobs()
    jobs.at("7 * * * *", "retention", work)
    jobs.start()
    due = jobs.due("retention")
    assert (due.minute, due.second) == (7, 0)
    assert due.tzinfo is not None
    jobs.stop()
