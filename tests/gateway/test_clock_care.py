"""Meters' clocks are read every night, and set only when the site says so, within the standard's limits."""

from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest

from drivers.dlt645.frame import Frame, encode
from gateway.clock import from_local, local
from gateway.clock_care import ClockKeeper
from gateway.settings.models import ClockCare
from gateway.store import Stream
from tests.gateway.backfill.scene import MINUTE_S, SECOND, Scene, Stubborn, meter_row
from tests.virtual import NOON, VirtualClock, virtual

CLOCKS = "04"  # as the identifiers of parameters begin


async def round_of(scene: Scene, care: ClockCare = ClockCare(), **drifts: float) -> dict[str, list[float]]:
    """One round; by device, the offsets that were told."""
    for device, drift in drifts.items():
        scene.meters[device].memory.drift = drift * SECOND
    async with scene.gateway() as pipeline:
        await scene.wait(MINUTE_S / 2)
        await ClockKeeper(care, scene.rows, scene.clock, scene.carry, pipeline.observe).round()
    told: dict[str, list[float]] = {}
    for row in rows(scene):
        told.setdefault(row["device"], []).append(row["values"]["clock_offset"])
    return told


def rows(scene: Scene) -> list[dict[str, Any]]:
    """Observations that hold nothing but an offset."""
    return [row for row in scene.disk.of(Stream.LIVE) if row.get("values", {}).keys() == {"clock_offset"}]


def off(scene: Scene, device: str) -> float:
    """How far the meter's clock really is off."""
    return scene.meters[device].memory.drift.total_seconds()


@pytest.fixture
def password(tmp_path: Path) -> str:
    path = tmp_path / "meter.password"
    path.write_text("000000\n")
    path.chmod(0o600)
    return str(path)


@virtual
async def test_offsets_are_told_with_the_time_on_the_line_taken_out() -> None:
    scene = Scene([meter_row(1), meter_row(2), meter_row(3, "dlt645-1997-3p")])
    told = await round_of(scene, M1=-42.0, M2=0.0, M3=3600.0)
    assert told == {
        "M1": [pytest.approx(-42.0, abs=0.8)],
        "M2": [pytest.approx(0.0, abs=0.8)],
        "M3": [pytest.approx(3600.0, abs=1.2)],
    }
    assert {row["source"] for row in rows(scene)} == {"read"}


@virtual
async def test_no_clock_is_set_unless_the_site_says_so() -> None:
    scene = Scene([meter_row(1)])
    await round_of(scene, ClockCare(), M1=200.0)
    assert off(scene, "M1") == 200.0


@virtual
async def test_a_broadcast_sets_what_is_within_five_minutes_and_the_result_is_read() -> None:
    scene = Scene([meter_row(1), meter_row(2), meter_row(3)])
    told = await round_of(scene, ClockCare(set=True), M1=200.0, M2=-299.0, M3=3600.0)
    assert [abs(off(scene, device)) < 1.5 for device in ("M1", "M2", "M3")] == [True, True, False]
    assert off(scene, "M3") == 3600.0, "a clock that far off is not touched without a password"
    assert told["M1"] == [pytest.approx(200.0, abs=1), pytest.approx(0.0, abs=2)]
    broadcasts = [frame for _, frame in scene.line.sent if b"\x99" * 6 in frame]
    assert len(broadcasts) == 1


@virtual
async def test_within_tolerance_nothing_is_set() -> None:
    scene = Scene([meter_row(1)])
    await round_of(scene, ClockCare(set=True, tolerance_s=60.0), M1=55.0)
    assert off(scene, "M1") == 55.0


def test_a_clock_that_is_hours_off_is_set_with_the_password(password: str) -> None:
    @virtual
    async def story() -> None:
        scene = Scene([meter_row(1), meter_row(2)])
        await round_of(scene, ClockCare(set=True, password_file=password), M1=7200.0, M2=1.0)
        assert abs(off(scene, "M1")) < 2
        assert off(scene, "M2") == 1.0

    story()


def test_a_wrong_password_is_said_and_nothing_is_changed(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "wrong").write_text("123456")
    (tmp_path / "wrong").chmod(0o600)

    @virtual
    async def story() -> None:
        scene = Scene([meter_row(1)])
        await round_of(scene, ClockCare(set=True, password_file=str(tmp_path / "wrong")), M1=7200.0)
        assert off(scene, "M1") == 7200.0

    story()
    assert "M1: its clock was not set" in caplog.text
    assert "123456" not in caplog.text


def test_a_password_that_others_can_read_is_not_used(password: str, caplog: pytest.LogCaptureFixture) -> None:
    Path(password).chmod(0o644)

    @virtual
    async def story() -> None:
        scene = Scene([meter_row(1)])
        await round_of(scene, ClockCare(set=True, password_file=password), M1=7200.0)
        assert off(scene, "M1") == 7200.0

    story()
    assert "chmod g-w,o= " in caplog.text


@virtual
@pytest.mark.parametrize("written", [True, False])
async def test_what_is_set_is_written_down_first(written: bool) -> None:
    notes: list[tuple[str, str]] = []

    async def note(whom: str, how: str) -> bool:
        notes.append((whom, how))
        return written

    scene = Scene([meter_row(1)])
    scene.meters["M1"].memory.drift = 200 * SECOND
    async with scene.gateway() as pipeline:
        await scene.wait(MINUTE_S / 2)
        keeper = ClockKeeper(ClockCare(set=True), scene.rows, scene.clock, scene.carry, pipeline.observe, note)
        await keeper.round()
    assert notes == [("rs485-1", "broadcast")]
    assert (abs(off(scene, "M1")) < 2) is written


def test_a_password_file_that_is_gone_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    @virtual
    async def story() -> None:
        scene = Scene([meter_row(1)])
        await round_of(scene, ClockCare(set=True, password_file=str(tmp_path / "gone")), M1=7200.0)

    story()
    assert "no such file" in caplog.text


@virtual
async def test_a_gateway_that_does_not_know_the_time_asks_nobody() -> None:
    scene = Scene([meter_row(1)])
    scene.clock.trust = False
    assert await round_of(scene, ClockCare(set=True), M1=200.0) == {}
    assert off(scene, "M1") == 200.0


@virtual
async def test_around_midnight_no_clock_is_set() -> None:
    midnight = datetime.combine(local(NOON).date() + timedelta(days=1), time())
    scene = Scene([meter_row(1)], VirtualClock(from_local(midnight) - 120.0))
    await round_of(scene, ClockCare(set=True), M1=100.0)
    assert off(scene, "M1") == 100.0


@virtual
@pytest.mark.parametrize("says", ["refuses", "silent"])
async def test_a_meter_that_does_not_tell_its_clock_is_left_out(says: str) -> None:
    scene = Scene([meter_row(1), meter_row(2)])
    meter = scene.meters["M1"]
    no = encode(Frame(meter.address, 0xD1, b"\x02")) if says == "refuses" else b""
    scene.seats["M1"] = Stubborn(meter, CLOCKS, no)
    assert (await round_of(scene)).keys() == {"M2"}
