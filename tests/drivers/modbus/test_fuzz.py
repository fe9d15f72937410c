"""The fuzz target in small: the corpus, and some hundred inputs made from it by chance."""

from random import Random

from tests.drivers.modbus.fuzz import corpus, one_input


def test_the_corpus_and_what_chance_makes_of_it_is_harmless() -> None:
    chance, frames = Random(502), corpus()
    for data in frames:
        one_input(data)
    for _ in range(100):
        mixed = bytearray(b"".join(chance.choice(frames) for _ in range(chance.randrange(1, 4))))
        for _ in range(chance.randrange(4)):
            place = chance.randrange(len(mixed))
            mixed[place : place + chance.randrange(3)] = chance.randbytes(chance.randrange(3))
            mixed = mixed or bytearray(b"\x07")
        one_input(bytes(mixed))
