"""Formats: exact numbers, no value where there is none, and back again."""

from datetime import date, time
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.api import Value
from drivers.dlt645.value import parse_format
from drivers.errors import RequestError

READ: dict[str, tuple[str, str, Value]] = {
    "an unsigned number": ("XXX.X", "05 23", Decimal("230.5")),
    "its trailing zeros stay": ("XXXXXX.XX", "00 00 00 00", Decimal("0.00")),
    "a whole number": ("XXXX", "23 02", Decimal(223)),
    "a signed number below zero": ("-XXX.XXX", "00 05 80", Decimal("-0.500")),
    "a signed number at its end": ("-XXXXXX.XX", "99 99 99 79", Decimal("799999.99")),
    "minus zero is zero": ("-X.XXX", "00 80", Decimal("0.000")),
    "the top bit of an unsigned number is no sign": ("XXXXXX.XX", "00 00 00 80", Decimal("800000.00")),
    "all FF is no value": ("XXX.X", "FF FF", None),
    "all FF of a signed number is no value": ("-XXX.XXX", "FF FF FF", None),
    "a digit above nine is no value": ("XXXXXX.XX", "00 00 0E 00", None),
    "hex that looks like an exponent is no number": ("XXXX", "E1 00", None),
    "digits keep their zeros": ("NNNNNNNNNNNN", "00 36 19 00 00 00", "000000193600"),
    "digits of FF are no value": ("NNNN", "FF FF", None),
    "a time": ("YYMMDDhhmmss", "30 15 09 22 11 26", "2026-11-22T09:15:30"),
    "a date without its weekday": ("YYMMDDWW", "00 22 11 26", "2026-11-22"),
    "date, weekday and time": ("YYMMDDWWhhmmss", "30 15 09 00 22 11 26", "2026-11-22T09:15:30"),
    "a time of day at midnight": ("hhmmss", "00 00 00", "00:00:00"),
    "a time of all zeros never was": ("YYMMDDhhmm", "00 00 00 00 00", None),
    "the 30th of February never was": ("YYMMDDhhmm", "00 00 30 02 26", None),
    "the 29th of February without a year may have been": ("MMDDhhmm", "00 12 29 02", "02-29T12:00"),
    "a billing day that is not set": ("DDhh", "99 99", None),
    "bit 4 of a word": ("bit 4", "50 00", 1),
    "bit 15 of a word": ("bit 15", "00 80", 1),
    "a bit that is not set": ("bit 5", "50 00", 0),
    "text comes reversed": ("text", "00 00 56 30 32 32", "220V"),
    "a binary byte": ("binary", "FE", 254),
    "bytes stay as they came": ("bytes", "01 02 0A", "01 02 0A"),
}


@pytest.mark.parametrize(("notation", "data", "value"), READ.values(), ids=READ.keys())
def test_read(notation: str, data: str, value: Value) -> None:
    got = parse_format(notation).read(bytes.fromhex(data))
    assert got == value
    assert str(got) == str(value)  # the resolution too


WRONG_FORMATS = ["", "XXX", "XXX.XX.X", "bit", "bit 16", "YYMMXX", "YYYY", "int16", "NNN", "X.X.X"]


@pytest.mark.parametrize("notation", WRONG_FORMATS)
def test_a_format_that_does_not_exist_is_named(notation: str) -> None:
    with pytest.raises(RequestError, match="format"):
        parse_format(notation)


def test_only_numbers_have_a_sign() -> None:
    with pytest.raises(RequestError, match="sign"):
        parse_format("NNNN", signed=True)


CANNOT: dict[str, tuple[str, Value]] = {
    "too large": ("XXX.X", 1000),
    "below zero without a sign": ("XXX.X", -1),
    "the sign takes the top bit": ("-XXX.XXX", 800),
    "no number at all": ("XXX.X", "high"),
    "not a number": ("XXX.X", float("nan")),
    "infinite": ("XXX.X", float("inf")),
    "too few digits": ("NNNN", "12"),
    "letters for digits": ("NNNN", "12G4"),
    "a month that does not exist": ("YYMMDDhhmm", "2026-13-01T00:00"),
    "half a time": ("YYMMDDhhmm", "2026-11-22"),
    "a text too long": ("text4", "12345"),
    "bytes that are none": ("bytes", "xyz"),
    "more than a byte": ("binary", 256),
}


@pytest.mark.parametrize(("notation", "value"), CANNOT.values(), ids=CANNOT.keys())
def test_what_a_format_cannot_hold_is_a_request_error(notation: str, value: Value) -> None:
    with pytest.raises(RequestError):
        parse_format(notation).write(value)


@pytest.mark.parametrize("notation", ["XXX.X", "-XX.XXXX", "XXXXXXXX", "-XXXXXX.XX", "X.XXX"])
@given(data=st.data())
def test_a_number_comes_back_as_it_was_written(notation: str, data: st.DataObject) -> None:
    how = parse_format(notation)
    digits, decimals = notation.count("X"), len(notation.partition(".")[2])
    top = (8 if notation.startswith("-") else 10) * 10 ** (digits - 1) - 1
    number = data.draw(st.integers(-top if notation.startswith("-") else 0, top))
    value = Decimal(number).scaleb(-decimals)
    assert how.read(how.write(value)) == value
    assert len(how.write(value)) == how.size


@given(st.dates(date(2000, 1, 1), date(2099, 12, 31)), st.times())
def test_a_time_comes_back_as_it_was_written(day: date, time: time) -> None:
    how = parse_format("YYMMDDWWhhmmss")
    text = f"{day}T{time:%H:%M:%S}"
    assert how.read(how.write(text)) == text


@given(st.sampled_from([row[0] for row in READ.values()]), st.binary(min_size=8, max_size=8))
def test_no_bytes_make_a_format_raise(notation: str, data: bytes) -> None:
    how = parse_format(notation)
    how.read(data[: how.size or 8])
