"""A row that the broker ends the connection over is found out; a link that is just bad condemns none."""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.north.suspect import ALONE_AFTER, PROOFS, RIGHT_AFTER_S, Suspect
from gateway.north.window import Flight
from gateway.pipeline import observed, told
from gateway.settings.models import Mqtt
from gateway.store import Stream
from gateway.store.look import look
from tests.gateway.north.site import desk, incident, observation
from tests.proxy import wire_to
from tests.servers import Listener, Server

GREETING = Flight(Stream.EVENT, (), 0.0, "greeting")
ROW, NEXT, PARCEL = (Flight(Stream.EVENT, (number,), 0.0, "event") for number in (7, 8, 9))
PARCEL = replace(PARCEL, ids=(7, 8, 9))
FIRST = [[ROW, NEXT]] * ALONE_AFTER
"""The ends after which the row goes alone."""

ENDS: dict[str, tuple[list[list[Flight]], float, bool]] = {
    "again and again, alone, right after it": ([*FIRST, *[[ROW]] * PROOFS], 0.1, True),
    "once too seldom": ([*FIRST, *[[ROW]] * (PROOFS - 1)], 0.1, False),
    "with others on their way": ([[ROW, NEXT]] * 20, 0.1, False),
    "with others between": ([*FIRST, [ROW], [ROW, NEXT], *[[ROW]] * (PROOFS - 1)], 0.1, False),
    "before the broker took anything": ([*FIRST, *[[GREETING, ROW]] * 20], 0.1, False),
    "with nothing on its way but the greeting": ([[GREETING]] * 20, 0.1, False),
    "with nothing on its way": ([[]] * 20, 0.1, False),
    "long after it": ([*FIRST, *[[ROW]] * 20], RIGHT_AFTER_S + 1, False),
    "over another row": ([*FIRST, *[[NEXT]] * 20], 0.1, False),
    "over many rows at once": ([[PARCEL]] * 20, 0.1, False),
}


def after(ends: Sequence[list[Flight]], at: float = 0.1) -> Suspect:
    suspect = Suspect()
    for flights in ends:
        suspect.lost(flights, at)
    return suspect


@pytest.mark.parametrize(("ends", "at", "guilty"), ENDS.values(), ids=ENDS.keys())
def test_only_what_was_alone_and_ended_the_connection_each_time_is_guilty(
    ends: list[list[Flight]], at: float, guilty: bool
) -> None:
    assert after(ends, at).guilty(Stream.EVENT, 7) is guilty


def test_a_row_goes_alone_when_it_was_first_twice_and_no_other_does() -> None:
    suspect = after([[ROW, NEXT]])
    assert not suspect.alone(Stream.EVENT, 7)
    suspect.lost([GREETING, ROW], 0.1)
    assert suspect.alone(Stream.EVENT, 7)
    assert not suspect.alone(Stream.EVENT, 8)
    assert not suspect.alone(Stream.LIVE, 7)
    suspect.landed(ROW)
    assert not suspect.alone(Stream.EVENT, 7)


def test_a_second_row_is_given_up_only_when_another_was_taken_meanwhile() -> None:
    suspect = after([[ROW]] * (PROOFS + 2))
    suspect.give_up()
    for _ in range(20):
        suspect.lost([NEXT], 0.1)
    assert not suspect.guilty(Stream.EVENT, 8)
    suspect.landed(GREETING)
    assert not suspect.guilty(Stream.EVENT, 8), "that is no row"
    suspect.landed(PARCEL)
    for _ in range(PROOFS):
        suspect.lost([NEXT], 0.1)
    assert suspect.guilty(Stream.EVENT, 8)


@pytest.mark.broker
async def test_what_a_broker_ends_the_connection_over_is_set_aside_and_everything_else_arrives(
    nats: Server, tmp_path: Path
) -> None:
    path = tmp_path / "a.db"
    with wire_to(nats.port) as wire, closing(Listener(nats.port)) as listener:
        wire.dislikes = b"swearing"
        async with desk(path, Mqtt(port=wire.port, together_s=0.05)) as gateway:
            gateway.store.put([told(incident("i1")), told(replace(incident("i2"), cause="swearing"))])
            gateway.store.put([told(incident("i3")), *(observed(observation(number)) for number in range(300))])
            await gateway.until(lambda: gateway.waiting() == 0 and gateway.store.figures().set_aside == 1)
    assert {one.data["subject"] for one in listener.topic("event/critical", 2)} == {"i1", "i3"}
    [aside] = look(path).set_aside
    assert (aside.stream, aside.row) == ("event", 2)
    assert aside.why == "the broker ends the connection over it, and takes everything else"
