"""What a poll is said to cost is what its frames weigh, driver by driver."""

from collections.abc import Sequence

import pytest

from drivers.api import Conversation, Explanation, LineSettings, Profile
from drivers.price import Exchange, exchanges
from drivers.profile import product_profiles, read_profile
from drivers.registry import driver

FORMS = [read_profile(name, text) for name, text in product_profiles().items()]


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)
def test_the_price_is_the_weight_of_the_frames_that_prove_the_profile(form: Profile) -> None:
    speaks = driver(form.protocol)
    for vector in form.vectors:
        if not vector.request:
            continue
        priced = exchanges(speaks, form, vector.address, tuple(vector.expect))[0]
        wake = len(vector.request) - len(vector.request.lstrip(b"\xfe"))
        assert priced.asked == len(vector.request) - wake
        # A meter may hold fewer items in a block than usual, and say FE in front of its answer.
        assert priced.answered == pytest.approx(
            len(vector.reply.lstrip(b"\xfe")), abs=12 if wake or "dlt" in form.protocol else 0
        )


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)
def test_every_point_is_paid_for(form: Profile) -> None:
    speaks = driver(form.protocol)
    priced = exchanges(speaks, form, form.vectors[0].address, tuple(form.points))
    assert {point for exchange in priced for point in exchange.points} == set(form.points)
    talk = speaks.converse(form, form.vectors[0].address, tuple(form.points))
    assert talk.next_request() is not None


def test_a_second_has_so_many_bytes_as_the_line_has() -> None:
    line = LineSettings(baud=2400, data_bits=8, parity="even", stop_bits=1)
    assert Exchange("x", 16, 20, ()).seconds(line, latency_s=0.03) == pytest.approx(36 * 11 / 2400 + 0.03)


class Stranger:
    """A driver that knows no prices: two requests, three and four bytes long."""

    learned: frozenset[str] = frozenset()

    late_answers_are_harmless = False

    def __init__(self) -> None:
        self._left = [b"one", b"four"]

    def check(self, profile: Profile) -> Sequence[str]:
        return [] if profile else ["no profile"]

    def check_address(self, address: str) -> str:
        return "" if address else "empty"

    def converse(
        self, profile: Profile, address: str, points: Sequence[str], refused: frozenset[str] = frozenset()
    ) -> Conversation:
        assert profile
        assert address
        assert points or refused
        return self

    def explain(self, data: bytes) -> Sequence[Explanation]:
        return [Explanation("stranger", data, "", {})]

    def next_request(self) -> bytes | None:
        return self._left[0] if self._left else None

    def feed(self, data: bytes) -> None:
        assert data

    def give_up(self) -> None:
        self._left.pop(0)


def test_a_driver_without_prices_is_priced_by_its_requests() -> None:
    priced = exchanges(Stranger(), FORMS[0], "1", ("voltage", "current", "power_factor"))
    assert [(exchange.asked, exchange.answered) for exchange in priced] == [(3, 9), (4, 10)]
