"""What a name becomes as a level of a topic: never what a broker ends the connection for."""

import pytest

from gateway.north.messages import level

NAMES = {
    "an id as it should be": ("W-17", "W-17"),
    "in the language of the country": ("三号台区\u3000东", "三号台区\u3000东"),
    "with what separates levels": ("a/b", "a_b"),
    "with what matches many": ("a+#", "a__"),
    "with a zero byte": ("a\0b", "a_b"),
    "with signs for a terminal": ("\x1b[2J\x85", "_[2J_"),
    "with half a character": ("a\ud800", "a_"),
    "with what is no character": ("\ufdd0\uffff\U0001fffe", "___"),
}


@pytest.mark.parametrize(("name", "becomes"), NAMES.values(), ids=NAMES.keys())
def test_a_name_in_a_topic(name: str, becomes: str) -> None:
    assert level(name) == becomes
