"""The collector of cycles leaves alone what lives as long as the service."""

import gc
from collections.abc import Iterator

import pytest

from gateway.collector import AFTER, collect_seldom


@pytest.fixture
def as_before() -> Iterator[None]:
    before = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*before)


@pytest.mark.usefixtures("as_before")
def test_what_there_is_at_the_start_is_not_searched_again() -> None:
    kept = [[number] for number in range(1000)]
    collect_seldom()
    assert gc.get_freeze_count() > len(kept)
    assert not any(one is kept[0] for one in gc.get_objects())
    assert gc.get_threshold() == AFTER
