"""The fuzz target in small: the corpus, and some thousand inputs made from it by chance."""

from random import Random

import pytest

from tests.drivers.dlt645.fuzz import CORPUS, one_input


@pytest.mark.parametrize("data", CORPUS[::5], ids=[data[-4:].hex() for data in CORPUS[::5]])
def test_the_corpus_is_harmless(data: bytes) -> None:
    one_input(data)


def test_mutated_frames_are_harmless() -> None:
    chance = Random(645)
    for _ in range(1500):
        data = bytearray(b"".join(chance.choice(CORPUS) for _ in range(chance.randrange(1, 4))))
        for _ in range(chance.randrange(4)):
            place = chance.randrange(len(data))
            data[place : place + chance.randrange(3)] = chance.randbytes(chance.randrange(3))
            data = data or bytearray(b"\x68")
        one_input(bytes(data))
