"""Numbers that are saved often have few digits, and no number of a device breaks that."""

from math import inf, nan

import orjson
import pytest

from rules.fit import coarse


@pytest.mark.parametrize(
    ("value", "parts", "saved"),
    [
        pytest.param(12.345678912, 1e4, b"12.3457", id="the nearest of ten thousand"),
        pytest.param(0.1 + 0.2, 1e6, b"0.3", id="a sum that no fraction of two holds"),
        pytest.param(-2.00000049, 1e6, b"-2.0", id="below nothing"),
        pytest.param(123456.7891234, 1e6, b"123456.789123", id="a large one"),
        pytest.param(nan, 1e6, b"null", id="no number"),
        pytest.param(inf, 1e6, b"null", id="no end"),
    ],
)
def test_what_is_saved_often_has_few_digits(value: float, parts: float, saved: bytes) -> None:
    assert orjson.dumps(coarse(value, parts)) == saved
