"""A poll, against a simulated device that refuses, is busy, or allows less than the profile says."""

from collections.abc import Sequence

import pytest

from drivers.api import Driver, Profile, Value
from drivers.errors import BadReplyError, RefusedError, RequestError
from drivers.modbus.driver import ModbusRtu, ModbusTcp
from drivers.sim.modbus import SimulatedModbus
from tests.drivers.modbus.profiles import METER, REGISTERS, profile, rtu

VALUES: dict[str, Value] = {"voltage": 230.5, "current": 4.25, "energy_import": 655.38}


def poll(
    driver: Driver, form: Profile, device: SimulatedModbus, refused: frozenset[str] = frozenset()
) -> tuple[dict[str, Value], list[str], int]:
    """What one poll gives: values, what was refused, how many requests it took."""
    talk = driver.converse(form, device.address, tuple(form.points), refused)
    values: dict[str, Value] = {}
    said: list[str] = []
    asked = 0
    while (request := talk.next_request()) is not None:
        asked += 1
        try:
            readings = talk.feed(device.answer(request))
        except RefusedError as error:
            said.append(error.where)
            continue
        assert readings is not None
        values |= {reading.point: reading.value for reading in readings}
    return values, said, asked


@pytest.mark.parametrize("driver", [ModbusRtu(), ModbusTcp()], ids=["RTU", "TCP"])
def test_a_poll_reads_what_the_device_holds(driver: Driver) -> None:
    device = SimulatedModbus(METER, "7", VALUES, framing="tcp" if isinstance(driver, ModbusTcp) else "rtu")
    assert poll(driver, METER, device) == (VALUES, [], 1)


STRICT = profile(REGISTERS)


def test_a_block_refused_for_its_hole_is_split_at_once_and_asked_in_parts_ever_after() -> None:
    device = SimulatedModbus(STRICT, "7", VALUES)
    values, refused, asked = poll(ModbusRtu(), METER, device)
    assert (values, refused, asked) == (VALUES, ["input 0+7"], 3)
    assert poll(ModbusRtu(), METER, device, frozenset(refused)) == (VALUES, [], 2)


def test_one_register_that_the_device_lacks_costs_only_its_own_point() -> None:
    more = profile(
        "".join(f'[points.p{n}]\nwhere = "input {n}"\nformat = "uint16"\n' for n in range(6)),
    )
    fewer = profile("".join(f'[points.p{n}]\nwhere = "input {n}"\nformat = "uint16"\n' for n in range(6) if n != 3))
    device = SimulatedModbus(fewer, "7", {f"p{n}": n for n in range(6) if n != 3})
    values, refused, _ = poll(ModbusRtu(), more, device)
    assert values == {"p0": 0, "p1": 1, "p2": 2, "p4": 4, "p5": 5}
    again = poll(ModbusRtu(), more, device, frozenset(refused))
    assert again == (values, [], 2)


def test_a_device_that_gives_less_at_a_time_than_its_manual_says_is_read_in_halves() -> None:
    points = "".join(f'[points.p{n}]\nwhere = "input {n}"\nformat = "uint16"\n' for n in range(8))
    device = SimulatedModbus(profile("max_registers = 4\n" + points), "7", {f"p{n}": n for n in range(8)})
    values, refused, asked = poll(ModbusRtu(), profile(points), device)
    assert values == {f"p{n}": n for n in range(8)}
    assert (refused, asked) == (["input 0+8"], 3)


def refusal(code: int, form: Profile = METER) -> RefusedError:
    talk = ModbusRtu().converse(form, "7", tuple(form.points))
    talk.next_request()
    with pytest.raises(RefusedError) as caught:
        talk.feed(rtu(f"07 84 {code:02X}"))
    return caught.value


def test_an_unknown_function_is_not_tried_on_any_other_block_of_its_table() -> None:
    assert refusal(1).where == "input"
    talk = ModbusRtu().converse(METER, "7", tuple(METER.points), frozenset({"input"}))
    assert talk.next_request() is None


@pytest.mark.parametrize(
    ("code", "words"),
    [(4, "failed"), (0x0A, "no way to that device"), (0x0B, "dead or off")],
    ids=["a device that failed", "a gateway without a path", "a gateway whose device is silent"],
)
def test_what_may_pass_is_not_remembered(code: int, words: str) -> None:
    error = refusal(code)
    assert (error.code, error.where) == (code, "")
    assert words in str(error)


@pytest.mark.parametrize("code", [5, 6], ids=["acknowledged", "busy"])
def test_a_busy_device_is_asked_again(code: int) -> None:
    talk = ModbusRtu().converse(METER, "7", tuple(METER.points))
    request = talk.next_request()
    with pytest.raises(BadReplyError, match=r"busy|more time"):
        talk.feed(rtu(f"07 84 {code:02X}"))
    assert talk.next_request() == request


def test_a_dead_device_behind_a_gateway_is_not_asked_for_its_other_blocks() -> None:
    talk = ModbusRtu().converse(STRICT, "7", tuple(STRICT.points))
    talk.next_request()
    with pytest.raises(RefusedError):
        talk.feed(rtu("07 84 0B"))
    assert talk.next_request() is None


def test_giving_up_goes_on_with_the_next_block() -> None:
    talk = ModbusRtu().converse(STRICT, "7", tuple(STRICT.points))
    first = talk.next_request()
    talk.give_up()
    second = talk.next_request()
    assert second not in (None, first)
    talk.give_up()
    assert talk.next_request() is None


def test_a_device_that_is_silent_about_one_register_gives_all_the_others() -> None:
    form = profile(
        "".join(f'[points.p{n}]\nwhere = "input {n}"\nformat = "uint16"\n' for n in range(8))
        + '[points.h]\nwhere = "holding 0"\nformat = "uint16"\n'
    )
    device = SimulatedModbus(form, "7", {f"p{n}": n for n in range(8)})
    talk = ModbusRtu().converse(form, "7", tuple(form.points))
    values: dict[str, Value] = {}
    asked = 0
    while (request := talk.next_request()) is not None:
        asked += 1
        _, function, _, first, _, count = request[:6]
        if function == 4 and first <= 5 < first + count:
            talk.give_up()
        else:
            values |= {reading.point: reading.value for reading in talk.feed(device.answer(request)) or ()}
    assert values == {"h": 0, **{f"p{n}": n for n in range(8) if n != 5}}
    assert asked <= 8


WITH_HOLES = profile(
    "max_gap = 20\n" + "".join(f'[points.p{n}]\nwhere = "input {n}"\nformat = "uint16"\n' for n in (0, 1, 9, 60))
)


def poll_of_a_mute_one(learned: frozenset[str], mute: bool = True) -> tuple[frozenset[str], list[str]]:
    """A poll of a device that says nothing to reads through registers it has not; what was learned and asked."""
    device = SimulatedModbus(WITH_HOLES, "7", {f"p{n}": n for n in (0, 1, 9, 60)})
    talk = ModbusRtu().converse(WITH_HOLES, "7", tuple(WITH_HOLES.points), learned)
    asked: list[str] = []
    while (request := talk.next_request()) is not None:
        first, count = int.from_bytes(request[2:4], "big"), int.from_bytes(request[4:6], "big")
        asked.append(f"{first}+{count}")
        if mute and first < 5 < first + count:
            talk.give_up()
        else:
            talk.feed(device.answer(request))
    return talk.learned, asked


def test_a_hole_that_a_device_is_thrice_silent_about_is_no_longer_read_through() -> None:
    learned: frozenset[str] = frozenset()
    seen = []
    for _ in range(4):
        learned, asked = poll_of_a_mute_one(learned)
        seen.append(asked)
    assert seen[:3] == [["0+10", "60+1", "0+2", "9+1"]] * 3
    assert seen[3] == ["0+2", "9+1", "60+1"]
    assert poll_of_a_mute_one(learned)[0] == learned == {"silent@3 input 2+7"}


def test_an_answer_that_was_only_lost_teaches_nothing() -> None:
    learned, _ = poll_of_a_mute_one(poll_of_a_mute_one(frozenset())[0])
    assert learned == {"silent@2 input 2+7"}
    assert poll_of_a_mute_one(learned, mute=False)[0] == frozenset()


def test_a_device_that_never_answers_is_asked_once_for_each_block() -> None:
    talk = ModbusRtu().converse(STRICT, "7", tuple(STRICT.points))
    asked = 0
    while talk.next_request() is not None:
        asked += 1
        talk.give_up()
    assert asked == 2


@pytest.mark.parametrize("address", ["", "0", "248", "1a", "-1", "²"])
def test_an_address_that_is_no_unit_id_cannot_be_asked(address: str) -> None:
    with pytest.raises(RequestError, match="1 to 247"):
        ModbusRtu().converse(METER, address, ("voltage",))


@pytest.mark.parametrize(("address", "good"), [("0", True), ("255", True), ("256", False), ("x", False)])
def test_behind_a_tcp_endpoint_units_0_and_255_exist(address: str, good: bool) -> None:
    assert (ModbusTcp().check_address(address) == "") is good


def test_a_point_that_the_profile_lacks_is_named() -> None:
    with pytest.raises(RequestError, match="no_such"):
        ModbusRtu().converse(METER, "7", ("voltage", "no_such"))


def test_only_wanted_points_are_read() -> None:
    talk = ModbusRtu().converse(METER, "7", ("current",))
    device = SimulatedModbus(METER, "7", VALUES)
    readings: Sequence[object] = talk.feed(device.answer(talk.next_request() or b"")) or ()
    assert [str(reading) for reading in readings] == ["Reading(point='current', value=4.25, unit='A')"]
