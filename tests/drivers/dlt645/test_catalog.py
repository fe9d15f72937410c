"""The catalogue: every identifier is read as it is written, blocks know their members."""

import re
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.dlt645.catalog import Family, axes, families, find, members, places
from drivers.errors import BadReplyError
from tests.drivers.dlt645.samples import sample

LETTERS = re.compile(r"([g-z])\1*")

ITEMS = {
    "00010000": ("energy_import", "kWh", 4),
    "00150000": ("energy_import_a", "kWh", 4),
    "00420000": ("reactive_energy_q2_c", "kvarh", 4),
    "0001010C": ("energy_import_t1_s12", "kWh", 4),
    "01010000": ("max_demand", "kW", 8),
    "02010100": ("voltage_a", "V", 2),
    "0201FF00": ("voltage", "V", 2),
    "02030000": ("active_power", "kW", 3),
    "020A0115": ("voltage_harmonic_a_h21", "%", 2),
    "02800002": ("frequency", "Hz", 2),
    "03010000": ("voltage_loss_totals", "", 18),
    "03010101": ("voltage_loss_a_1", "s", 131),
    "030B0201": ("current_loss_b_1", "", 115),
    "030F0301": ("overload_c_1", "", 76),
    "03090001": ("voltage_unbalance_1", "", 78),
    "03100000": ("voltage_quality", "", 27),
    "03110000": ("power_down_count", "", 3),
    "0311000A": ("power_down_10", "", 12),
    "03300001": ("programming_1", "", 50),
    "03300101": ("meter_clear_1", "", 106),
    "03300201": ("demand_clear_1", "", 202),
    "03300301": ("event_clear_1", "", 14),
    "03300401": ("time_set_1", "", 16),
    "03300D01": ("cover_open_1", "", 60),
    "04000401": ("address", "", 6),
    "04000503": ("status_word_3", "", 2),
    "0400010C": ("clock", "", 7),
    "05060101": ("frozen_energy_import_daily_1", "kWh", 4),
    "05001001": ("frozen_powers_timed_1", "", 24),
    "13030105": ("phase_break_start_c_5", "", 6),
    "1D000001": ("trip_count", "", 3),
    "9010": ("energy_import", "kWh", 4),
    "9823": ("energy_export_m2_t3", "kWh", 4),
    "B611": ("voltage_a", "V", 2),
    "C032": ("meter_number", "", 6),
}
"""Name, unit and bytes as the standard's tables have them."""


@pytest.mark.parametrize("identifier", ITEMS)
def test_an_identifier_is_what_the_standard_says(identifier: str) -> None:
    name, unit, size = ITEMS[identifier]
    item = find(identifier)
    assert item
    assert (item.name, item.size) == (name, size)
    assert unit in ("", "s") or item.fields[0].unit == unit


@pytest.mark.parametrize(
    "identifier", ["", "0001", "00010099", "FFFFFFFF", "00FF00FF", "02010400", "9F10", "zzzz", "B61"]
)
def test_what_is_no_identifier_is_not_found(identifier: str) -> None:
    assert find(identifier) is None


def test_blocks_know_their_members_and_members_their_blocks() -> None:
    assert members("0201FF00") == ("02010100", "02010200", "02010300")
    assert members("0203FF00") == ("02030000", "02030100", "02030200", "02030300")
    assert members("02010100") == ()
    assert [(place.block, place.at) for place in places("02010200")] == [("0201FF00", 1)]
    assert members("B61F") == ("B611", "B612", "B613")


def test_no_two_rows_claim_the_same_identifier_but_a_particular_one_over_a_general_one() -> None:
    for family in families():
        exact = LETTERS.sub(lambda run: next(iter(axes()[run[0]].codes)), family.where)
        owner = find(exact)
        assert owner, family.where
        assert owner.name.startswith(family.name) or "l" in family.where, (family.where, owner.name)


identifiers = st.sampled_from(families()).flatmap(
    lambda family: st.tuples(
        *(
            st.sampled_from([*axes()[run].codes, *(["F" * len(run)] if axes()[run].block else [])])
            for run in family.axes
        )
    ).map(lambda codes: _filled(family, codes))
)


def _filled(family: Family, codes: tuple[str, ...]) -> str:
    left = iter(codes)
    return LETTERS.sub(lambda _: next(left), family.where)


@given(identifiers, st.integers(1, 4), st.randoms(use_true_random=False))
def test_what_an_identifier_holds_comes_back_as_it_was_written(identifier: str, rounds: int, chance: Random) -> None:
    item = find(identifier)
    if item is None:
        assert identifier.count("F") > 1, "only two blocks at once are nobody's"
        return
    if item.parts:
        return  # made of others: see test_whole
    turns = min(rounds, len(item.labels) or 1)
    values = [sample(field.format, chance) for _ in range(turns) for field in item.fields]
    assert [one.value for one in item.read(item.write(values))] == values


def test_every_row_of_the_catalogue_is_read_as_it_is_written() -> None:
    chance = Random(645)
    for family in families():
        for code in (0, -1):
            identifier = _filled(family, tuple(list(axes()[run].codes)[code] for run in family.axes))
            item = find(identifier)
            assert item, family.where
            if item.parts:
                continue
            values = [sample(field.format, chance) for field in item.fields]
            assert [one.value for one in item.read(item.write(values))] == values, identifier
            names = [one.name for one in item.read(item.write(values))]
            assert len(set(names)) == len(names), f"{identifier}: two values of one name"


@pytest.mark.parametrize("identifier", ["02010100", "0201FF00", "03110001"])
def test_data_of_a_wrong_length_are_a_bad_reply(identifier: str) -> None:
    item = find(identifier)
    assert item
    for size in (1, item.size + 1, item.size * 5):
        with pytest.raises(BadReplyError, match=identifier):
            item.read(bytes(size))


def test_a_block_gives_as_many_values_as_the_answer_holds() -> None:
    item = find("0001FF00")
    assert item
    for tariffs in (0, 2, 4, 63):
        assert len(item.read(bytes(4 * (tariffs + 1)))) == tariffs + 1
