"""How registers become values, and which profiles are refused before they can do harm."""

import re
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.api import Value
from drivers.errors import RequestError
from drivers.modbus.driver import ModbusRtu
from drivers.modbus.field import FORMATS, POINT_OPTIONS
from drivers.sim.modbus import SimulatedModbus
from tests.drivers.modbus.profiles import METER, answer, profile

VALUES: list[tuple[str, str, list[int], Value]] = [
    ("a float", 'format = "float32"', [0x4366, 0x8000], 230.5),
    ("a float that has no end in decimals", 'format = "float32"', [0x4366, 0x199A], 230.1),
    ("a float in watts", 'format = "float32"\nscale = 0.001', [0x4366, 0x199A], 0.2301),
    ("a float that needs nine digits", 'format = "float32"', [0x4B80, 0x0001], 16777218),
    ("the largest float", 'format = "float32"', [0x7F7F, 0xFFFF], 3.40282347e38),
    ("a float, low word first", 'format = "float32"\nword_order = "little"', [0x8000, 0x4366], 230.5),
    ("a float, low byte first", 'format = "float32"\nbyte_order = "little"', [0x6643, 0x0080], 230.5),
    ("a float backwards", 'format = "float32"\nword_order = "little"\nbyte_order = "little"', [0x0080, 0x6643], 230.5),
    ("a float that is no number", 'format = "float32"', [0x7FC0, 0], None),
    ("a float that is infinite", 'format = "float32"', [0x7F80, 0], None),
    ("a double", 'format = "float64"', [0x406C, 0xD000, 0, 0], 230.5),
    ("tenths without rounding noise", 'format = "uint16"\nscale = 0.1', [2305], 230.5),
    ("a negative number", 'format = "int16"\nscale = 0.1', [0xFFFF], -0.1),
    ("a long negative number", 'format = "int32"', [0xFFFF, 0xFFFE], -2),
    ("a counter of 64 bits", 'format = "uint64"\nscale = 0.01', [0, 1, 0, 5], 42949673.01),
    ("a counter, low word first", 'format = "uint64"\nword_order = "little"', [5, 0, 1, 0], 4294967301),
    ("scale and offset", 'format = "uint16"\noffset = -40', [65], 25),
    ("decimal digits", 'format = "bcd16"\nscale = 0.1', [0x2305], 230.5),
    ("digits that are none", 'format = "bcd16"', [0x23A5], None),
    ("the raw number for 'no value'", 'format = "int16"\nnone = 0x7FFF', [0x7FFF], None),
    ("a negative one for 'no value'", 'format = "int16"\nnone = 0x8000', [0x8000], None),
    ("one of several", 'format = "uint16"\nnone = [0xFFFF, 0x8000]', [0x8000], None),
    ("above what the sensor can say", 'format = "uint16"\nnone_above = 240', [241], None),
    ("at what the sensor can say", 'format = "uint16"\nnone_above = 240', [240], 240),
    ("a bit that is set", 'format = "uint16"\nbit = 3', [0b1000], 1),
    ("a bit that is not", 'format = "uint16"\nbit = 3', [0b0111], 0),
    ("the upper byte", 'format = "uint16"\nmask = 0xFF00', [0x12F0], 0x12),
    ("a word that is an alarm unless 0", 'format = "uint16"\nnonzero = true', [0xFFFF], 1),
    ("a code for a number", 'format = "uint16"\nmask = 0xFF\nvalues = { 0xF0 = 0, 0x0F = 1 }', [0x010F], 1),
    ("a code for a word", 'format = "uint16"\nvalues = { "2" = "leakage" }', [2], "leakage"),
    ("an unsigned long number", 'format = "uint32"\nscale = 0.01', [0x0001, 0x0005], 655.41),
    ("a long number, low word first", 'format = "int32"\nword_order = "little"', [0xFFFE, 0xFFFF], -2),
    ("a long number, low byte first", 'format = "uint32"\nbyte_order = "little"', [0x0100, 0x0500], 65541),
    ("SunSpec's counter", 'format = "acc32"', [0x0001, 0x0005], 65541),
    ("a negative number of 64 bits", 'format = "int64"', [0xFFFF, 0xFFFF, 0xFFFF, 0xFFFE], -2),
    ("a double, low word first", 'format = "float64"\nword_order = "little"', [0, 0, 0xD000, 0x406C], 230.5),
    ("many decimal digits", 'format = "bcd32"\nscale = 0.01', [0x1234, 0x5678], 123456.78),
    ("a sign turned round", 'format = "int16"\nscale = -0.001', [0xFF38], 0.2),
    ("a bit of a long word", 'format = "uint32"\nbit = 17', [0b10, 0], 1),
    ("a code that nobody knows", 'format = "uint16"\nvalues = { "2" = "leakage" }', [3], None),
]


@pytest.mark.parametrize(("text", "registers", "value"), [c[1:] for c in VALUES], ids=[c[0] for c in VALUES])
def test_registers_become_a_value(text: str, registers: list[int], value: Value) -> None:
    form = profile(f'[points.x]\nwhere = "holding 0x10"\n{text}')
    talk = ModbusRtu().converse(form, "1", ("x",))
    talk.next_request()
    [reading] = talk.feed(answer(1, 3, *registers)) or ()
    assert reading.value == value


def test_every_format_and_every_key_of_a_point_stands_in_the_table() -> None:
    texts = "\n".join(text for _, text, _, _ in VALUES)
    assert set(re.findall(r'format = "(\w+)"', texts)) == set(FORMATS)
    assert set(re.findall(r"^(\w+) =", texts, re.MULTILINE)) >= set(POINT_OPTIONS) - {"exponent"}  # has its own below


@pytest.mark.parametrize(
    ("table", "form", "function"),
    [("coil", "bit", 1), ("discrete", "bit", 2), ("holding", "uint16", 3), ("input", "uint16", 4)],
)
def test_each_point_has_a_function_of_its_own(table: str, form: str, function: int) -> None:
    text = f'[points.x]\nwhere = "{table} 0x10"\nformat = "{form}"\n[points.y]\nwhere = "input 3"\nformat = "int16"'
    talk = ModbusRtu().converse(profile(text), "1", ("x",))
    assert (talk.next_request() or b"")[:6] == bytes([1, function, 0, 0x10, 0, 1])


def test_coils_are_counted_from_the_lowest_bit() -> None:
    form = profile("".join(f'[points.c{n}]\nwhere = "coil {n}"\nformat = "bit"\n' for n in (3, 4, 12)), head_gap(8))
    device = SimulatedModbus(form, "1", {"c3": 1, "c4": 0, "c12": 1})
    talk = ModbusRtu().converse(form, "1", tuple(form.points))
    readings = talk.feed(device.answer(talk.next_request() or b"")) or ()
    assert [(reading.point, reading.value) for reading in readings] == [("c3", 1), ("c4", 0), ("c12", 1)]


def head_gap(gap: int) -> str:
    return f'protocol = "modbus"\ntitle = "a device of the tests"\nmax_gap = {gap}\n'


SUNSPEC = profile("""
[points.voltage_a]
where = "holding 8"
format = "int16"
exponent = "holding 15"
none = 0x8000
[points.voltage_b]
where = "holding 9"
format = "int16"
exponent = "holding 15"
none = 0x8000
""")


@pytest.mark.parametrize(
    ("power", "values"),
    [(0xFFFF, [230.5, None]), (0, [2305, None]), (1, [23050, None]), (0x8000, [None, None])],
    ids=["tenths", "ones", "tens", "an exponent that is not there"],
)
def test_a_value_is_raised_by_the_exponent_of_the_same_answer(power: int, values: list[Value]) -> None:
    talk = ModbusRtu().converse(SUNSPEC, "1", ("voltage_a", "voltage_b"))
    talk.next_request()
    readings = talk.feed(answer(1, 3, 2305, 0x8000, 0, 0, 0, 0, 0, power)) or ()
    assert [reading.value for reading in readings] == values


@given(
    st.sampled_from([form for form in FORMATS if not form.startswith(("bcd", "float"))]),
    st.sampled_from(["big", "little"]),
    st.sampled_from(["big", "little"]),
    st.data(),
)
def test_what_the_simulated_device_holds_comes_back(form: str, word: str, byte: str, data: st.DataObject) -> None:
    code, words = FORMATS[form]
    top = 1 << 16 * words
    raw = data.draw(st.integers(-top // 2, top // 2 - 1) if code.islower() else st.integers(0, top - 1))
    text = f'[points.x]\nwhere = "input 3"\nformat = "{form}"\nword_order = "{word}"\nbyte_order = "{byte}"'
    device = SimulatedModbus(profile(text), "1", {"x": raw} if abs(raw) < 1 << 52 else {"x": 0})
    talk = ModbusRtu().converse(profile(text), "1", ("x",))
    [reading] = talk.feed(device.answer(talk.next_request() or b"")) or ()
    assert reading.value == (raw if abs(raw) < 1 << 52 else 0)


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False, width=32), min_size=1, max_size=30))
def test_floats_of_one_block_keep_their_places_and_every_bit(values: list[float]) -> None:
    text = "".join(
        f'[points.p{n}]\nwhere = "input {2 * n}"\nformat = "float32"\nword_order = "{("big", "little")[n % 2]}"\n'
        for n in range(len(values))
    )
    words = [struct.unpack(">HH", struct.pack(">f", value)) for value in values]
    registers = [word for n, pair in enumerate(words) for word in (pair if n % 2 == 0 else pair[::-1])]
    form = profile(text)
    talk = ModbusRtu().converse(form, "1", tuple(form.points))
    talk.next_request()
    read = [float(str(reading.value)) for reading in talk.feed(answer(1, 4, *registers)) or ()]
    assert struct.pack(f">{len(read)}f", *read) == struct.pack(f">{len(values)}f", *values)


FAULTS = {
    "an unknown format": ('format = "int24"', "int24"),
    "an unknown key": ('format = "int16"\nscal = 2', "scal"),
    "a signed flag instead of a signed format": ('format = "uint16"\nsigned = true', "int16"),
    "a scale of nothing": ('format = "uint16"\nscale = 0', "scale"),
    "a bit of a register without its number": ('format = "bit"', "bit = N"),
    "a bit outside the word": ('format = "uint16"\nbit = 16', "0..15"),
    "a bit of a signed number": ('format = "int16"\nbit = 1', "uint16"),
    "bit and mask at once": ('format = "uint16"\nbit = 1\nmask = 2', "not both"),
    "a mask without bits": ('format = "uint16"\nmask = 0', "mask"),
    "a word order that is none": ('format = "int32"\nword_order = "abcd"', "little"),
    "a sentinel that does not fit": ('format = "uint16"\nnone = 0x10000', "0xFFFF"),
    "a sentinel in words": ('format = "uint16"\nnone = ["x", 3]', "0xFFFF"),
    "a sentinel for a float": ('format = "float32"\nnone = 0', "NaN"),
    "an exponent in another table": ('format = "int16"\nexponent = "input 3"', "holding"),
    "an enumeration without numbers": ('format = "uint16"\nvalues = { a = 1 }', "raw numbers"),
    "an enumeration of nothing": ('format = "uint16"\nvalues = {}', "raw numbers"),
    "an enumeration that is none": ('format = "uint16"\nvalues = 3', "raw numbers"),
    "an enumeration of a float": ('format = "float32"\nvalues = { 1 = 2 }', "raw numbers"),
    "a meaning that is no number": ('format = "uint16"\nvalues = { 1 = nan }', "raw numbers"),
    "a meaning that is true": ('format = "uint16"\nvalues = { 1 = true }', "raw numbers"),
    "one number said in two ways": ('format = "uint16"\nvalues = { 0xF0 = 0, 240 = 1 }', "240 stands there twice"),
    "a code that the register cannot hold": ('format = "uint16"\nvalues = { 0x10000 = 0 }', "uint16"),
    "a code that is scaled": ('format = "uint16"\nscale = 0.1\nvalues = { 1 = 2 }', "leave out scale"),
    "a bit that is true": ('format = "uint16"\nbit = true', "0..15"),
    "a mask that is true": ('format = "uint16"\nmask = true', "mask"),
    "an alarm flag in words": ('format = "uint16"\nnonzero = "yes"', "true or false"),
    "a limit that is no number": ('format = "uint16"\nnone_above = nan', "none_above"),
    "a limit without end": ('format = "uint16"\nnone_above = inf', "none_above"),
    "an exponent inside its value": ('format = "int32"\nexponent = "holding 2"', "of the value itself"),
}


@pytest.mark.parametrize(("text", "word"), FAULTS.values(), ids=FAULTS.keys())
def test_a_wrong_point_is_refused_with_its_name_and_the_remedy(text: str, word: str) -> None:
    faults = ModbusRtu().check(profile(f'[points.x]\nwhere = "holding 1"\n{text}'))
    assert len(faults) == 1
    assert faults[0].startswith("x: ")
    assert word in faults[0]


WHOLE = {
    "values that cut each other": (
        '[points.x]\nwhere = "input 0"\nformat = "float32"\n[points.y]\nwhere = "input 1"\nformat = "float32"',
        "cuts x",
    ),
    "two points of the same registers": (
        '[points.x]\nwhere = "input 0"\nformat = "float32"\n[points.y]\nwhere = "input 0"\nformat = "float32"',
        "same registers",
    ),
    "a value that lies inside another": (
        '[points.x]\nwhere = "input 0"\nformat = "uint64"\n[points.y]\nwhere = "input 2"\nformat = "uint16"',
        "y: input 2 cuts x, which is input 0+4",
    ),
    "a bit that is read twice": (
        (
            '[points.x]\nwhere = "input 0"\nformat = "uint16"\nbit = 3\n'
            '[points.y]\nwhere = "input 0"\nformat = "uint16"\nbit = 3'
        ),
        "y: reads bits 0x8 again, as x (input 0)",
    ),
    "bit fields that overlap": (
        (
            '[points.x]\nwhere = "input 0"\nformat = "uint16"\nmask = 0x00FF\n'
            '[points.y]\nwhere = "input 0"\nformat = "uint16"\nmask = 0x0FF0'
        ),
        "y: reads bits 0xF0 again, as x (input 0)",
    ),
    "a coil that is read twice": (
        '[points.x]\nwhere = "coil 1"\nformat = "bit"\n[points.y]\nwhere = "coil 1"\nformat = "bit"',
        "same registers",
    ),
    "one meaning that is read twice": (
        (
            '[points.x]\nwhere = "input 0"\nformat = "uint16"\nnonzero = true\n'
            '[points.y]\nwhere = "input 0"\nformat = "uint16"\nnonzero = true'
        ),
        "same registers",
    ),
    "a value longer than an answer": (
        'max_registers = 3\n[points.x]\nwhere = "input 0"\nformat = "uint64"',
        "at most 3",
    ),
    "a value off the alignment": ('alignment = 2\n[points.x]\nwhere = "input 1"\nformat = "float32"', "multiple of 2"),
    "a limit beyond the protocol": ('max_registers = 126\n[points.x]\nwhere = "input 1"\nformat = "int16"', "1 to 125"),
    "an unknown key at the top": ('max_register = 3\n[points.x]\nwhere = "input 1"\nformat = "int16"', "max_register"),
    "a value beyond the last register": ('[points.x]\nwhere = "input 65535"\nformat = "int32"', "65535"),
    "a coil read as a register": ('[points.x]\nwhere = "coil 1"\nformat = "uint16"', '"bit"'),
    "a sentinel for a format that is none": (
        'none = { int24 = 1 }\n[points.x]\nwhere = "input 1"\nformat = "int16"',
        "none",
    ),
    "a sentinel that no point's format can hold": (
        'none = { int32 = 0x100000000 }\n[points.x]\nwhere = "input 1"\nformat = "int16"',
        "none: int32",
    ),
    "notes that are none": ('notes = 3\n[points.x]\nwhere = "input 1"\nformat = "int16"', "sentences"),
    "a source that is none": ('source = [1]\n[points.x]\nwhere = "input 1"\nformat = "int16"', "source = "),
    "an alignment beyond the limit": (
        'alignment = 4\nmax_registers = 2\n[points.x]\nwhere = "input 4"\nformat = "int16"',
        "4 registers long, read in multiples of 4, the device gives at most 2",
    ),
    "an alignment beyond the last register": (
        'alignment = 100\n[points.x]\nwhere = "input 65500"\nformat = "int16"',
        "beyond the last register",
    ),
    "seven data bits": ('[line]\ndata_bits = 7\n[points.x]\nwhere = "input 1"\nformat = "int16"', "8 data bits"),
}


@pytest.mark.parametrize(("text", "word"), WHOLE.values(), ids=WHOLE.keys())
def test_a_profile_that_cannot_be_read_is_refused(text: str, word: str) -> None:
    [fault] = ModbusRtu().check(profile(text))
    assert word in fault
    with pytest.raises(RequestError, match=re.escape(fault)):
        ModbusRtu().converse(profile(text), "1", ("x",))


def test_every_fault_comes_at_once() -> None:
    text = '[points.x]\nwhere = "inputs 1"\nformat = "int16"\n[points.y]\nwhere = "input 1"\nformat = "int17"'
    assert [fault[:2] for fault in ModbusRtu().check(profile(text))] == ["x:", "y:"]


SHARED = {
    "bits": ["bit = 0", "bit = 1", "bit = 15"],
    "the halves of a word": ["mask = 0xFF00", "mask = 0x00FF"],
    "a word and its bits": ["", "bit = 0", "bit = 1"],
    "a code and an alarm for every code but 0": ["nonzero = true", "values = { 0 = 0, 1 = 7 }"],
    "two meanings of one code": ["mask = 0xFF\nvalues = { 1 = 1, 2 = 0 }", "mask = 0xFF\nvalues = { 1 = 0, 2 = 1 }"],
}


@pytest.mark.parametrize("points", SHARED.values(), ids=SHARED.keys())
def test_parts_and_meanings_of_one_register_are_no_overlap(points: list[str]) -> None:
    text = "".join(f'[points.b{n}]\nwhere = "input 4"\nformat = "uint16"\n{own}\n' for n, own in enumerate(points))
    assert ModbusRtu().check(profile(text)) == []


def test_a_value_that_several_others_cut_is_named_with_each() -> None:
    text = '[points.x]\nwhere = "input 0"\nformat = "uint64"\n'
    text += "".join(f'[points.y{n}]\nwhere = "input {n}"\nformat = "uint16"\n' for n in (1, 3))
    assert [fault.partition(":")[0] for fault in ModbusRtu().check(profile(text))] == ["y1", "y3"]


def test_a_good_profile_has_no_fault() -> None:
    assert ModbusRtu().check(METER) == []
