"""Load profile blocks: six classes, each there or not, none mistaken for another."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.dlt645.load import classes, read_blocks, write_block
from drivers.errors import BadReplyError

AT = "2026-11-22T09:15"
BLOCK = write_block(AT, [["231.2", "229.8", None, "5.000", "-0.250", "0.000", "49.98"], [], ["0.985"] * 4, [], [], []])


def test_a_block_is_laid_out_as_the_standard_says() -> None:
    assert BLOCK[:3] == b"\xa0\xa0" + bytes([len(BLOCK) - 5])
    assert BLOCK[3:8].hex() == "1509221126"
    assert BLOCK[-2:] == bytes([sum(BLOCK[:-2]) & 0xFF, 0xE5])
    assert [group.size for group in classes()] == [17, 24, 8, 16, 16, 6]


def test_the_classes_that_were_recorded_are_read_and_no_others() -> None:
    [block] = read_blocks(BLOCK)
    values = {one.name: one.value for one in block.values}
    assert block.at == AT
    assert (values["voltage_a"], values["voltage_c"], values["current_b"]) == (
        Decimal("231.2"),
        None,
        Decimal("-0.250"),
    )
    assert len(values) == 11
    assert "energy_import" not in values


def test_several_blocks_follow_each_other() -> None:
    assert [block.at for block in read_blocks(BLOCK * 3)] == [AT] * 3


def test_a_block_the_meter_calls_spoilt_is_marked() -> None:
    spoilt = b"\xe0\xe0" + BLOCK[2:-2]
    [block] = read_blocks(spoilt + bytes([sum(spoilt) & 0xFF, 0xE5]))
    assert block.spoilt


BROKEN = {
    "it begins otherwise": b"\xa1" + BLOCK[1:],
    "it breaks off": BLOCK[:-1],
    "its check byte is wrong": BLOCK[:-2] + bytes([BLOCK[-2] ^ 1, 0xE5]),
    "a class has a byte too many": BLOCK[:9] + b"\x00" + BLOCK[9:],
    "something follows": BLOCK + b"\x00",
}


@pytest.mark.parametrize("data", BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_block_is_a_bad_reply(data: bytes) -> None:
    with pytest.raises(BadReplyError, match="load profile"):
        read_blocks(data)


@given(st.sets(st.integers(0, 5)))
def test_any_set_of_classes_comes_back(recorded: set[int]) -> None:
    groups = [["1.00"] * len(group.fields) if number in recorded else [] for number, group in enumerate(classes())]
    [block] = read_blocks(write_block(AT, groups))
    names = [field.name for number, group in enumerate(classes()) if number in recorded for field in group.fields]
    assert [one.name for one in block.values] == names
