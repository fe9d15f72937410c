"""Carries one conversation over a line, request by request: what is asked again, what is given up, when it ends."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from drivers.api import Conversation, Reading
from drivers.errors import BadReplyError, BusyError, DeviceSilentError, NoWayError, RefusedError
from gateway.south.report import Counts
from gateway.south.wire import NoAnswerError, Terms, Wire
from rules.observation import Fault

BUSY_S = 0.1
"""Before a request is repeated: time for the rest of a bad answer; for a busy device twice as long each time."""

BUSY_TRIES = 3
"""For a device that says that it is busy, however few retries the line has."""


Unsettled = NoAnswerError | BadReplyError | DeviceSilentError


@dataclass(slots=True)
class Outcome:
    """What a conversation came to."""

    sent_at: float = 0.0  # monotonic, first byte of the first request; 0 when nothing had to be asked
    readings: Sequence[Reading] = ()
    answered: bool = False
    silences: int = 0  # requests given up without an answer
    garbled: int = 0  # requests given up after answers that could not be used
    told: bool = False  # something on the way answered in the device's place
    no_way: bool = False  # and said that it cannot get there
    drowned: bool = False  # somebody else was talking when it began, and nobody has been understood since
    refusals: int = 0  # requests that the device said 'no' to
    refused: list[str] = field(default_factory=list)  # those that it will refuse again, in the driver's notation
    says: list[str] = field(default_factory=list)
    learned: frozenset[str] = frozenset()  # how the device wants to be spoken to, in the driver's words

    def complete(self, asked: Sequence[str]) -> None:
        """Some answers came, others not: the points that are missing have no value."""
        if (self.silences or self.garbled or self.refusals > len(self.refused)) and self.readings:
            heard = {reading.point for reading in self.readings}
            self.readings = [*self.readings, *(Reading(point, None) for point in asked if point not in heard)]

    @property
    def fault(self) -> Fault | None:
        """Why there are no values at all; None when there are some, or the device answered that it holds none."""
        if self.readings:
            return None
        if self.refusals or self.refused:
            return "refused"
        if self.no_way:
            return "unreachable"
        if self.garbled or (self.drowned and not self.answered):
            return "crc"
        return None if self.answered else "timeout"


class Begun(NamedTuple):
    """A conversation whose request is on its way already."""

    talk: Conversation
    request: bytes
    sent_at: float  # monotonic, first byte of the first request
    readings: Sequence[Reading]  # of the answers so far
    answered: bool  # there were some


@dataclass(slots=True)
class Caller:
    """Speaks with one device on a wire, and counts."""

    wire: Wire
    terms: Terms
    counts: Counts = field(default_factory=Counts)

    async def carry(
        self, talk: Conversation, retries: int = 0, proven: bool = False, begun: Begun | None = None
    ) -> Outcome:
        """Ask all that the conversation wants to know, each request again up to `retries` times. Raises LinkError.

        `begun`: it is this one, and its present request has been said.

        A device that leaves its first request unanswered is not asked for the rest, unless it is `proven` to be
        there; two requests without an answer in a row end the conversation in any case.
        """
        outcome = Outcome() if begun is None else Outcome(begun.sent_at, begun.readings, begun.answered)
        attempts = silent = 0
        said = None if begun is None else begun.request
        while (request := said or talk.next_request()) is not None:
            error = await self._ask(request, talk, outcome, late_twin=silent > 0, said=said is not None)
            said = None
            if error is None:
                attempts = silent = 0
                continue
            if isinstance(error, DeviceSilentError):  # told by who waited for it: asking again at once is no use
                _given_up(outcome, error)
                break
            attempts += 1
            silent += isinstance(error, NoAnswerError)
            busy = isinstance(error, BusyError)
            if attempts <= (BUSY_TRIES if busy else retries):
                self.counts.retries += 1
                self.wire.hold(BUSY_S * 2 ** (attempts - 1) if busy else BUSY_S)
                continue
            talk.give_up()
            _given_up(outcome, error)
            attempts = 0
            if silent > retries + 1 or (silent and not outcome.answered and not proven):
                break
        outcome.learned = talk.learned
        return outcome

    async def _ask(
        self, request: bytes, talk: Conversation, outcome: Outcome, *, late_twin: bool, said: bool
    ) -> Unsettled | None:
        """One request; None when it is settled, else why it is not."""
        wire, counts = self.wire, self.counts
        try:
            readings = await wire.exchange(request, talk, self.terms, said)
            outcome.readings = [*outcome.readings, *readings] if outcome.readings else readings
        except DeviceSilentError as silence:
            outcome.told, outcome.no_way = True, isinstance(silence, NoWayError)
            counts.timeouts += not outcome.no_way
            counts.unreachable += outcome.no_way
            return silence
        except RefusedError as refusal:
            counts.refused += 1
            outcome.refusals += 1
            outcome.says.append(str(refusal))
            if refusal.where:
                outcome.refused.append(refusal.where)
        except BusyError as busy:
            counts.refused += 1
            outcome.answered = True
            return busy
        except BadReplyError as error:
            counts.crc += 1
            return error
        except NoAnswerError as error:
            counts.crc += error.garbled
            counts.timeouts += not error.garbled
            return error
        finally:
            if not outcome.sent_at:
                outcome.sent_at, outcome.drowned = wire.sent_at, wire.noise == "loud"
        counts.answered(wire.heard_at - wire.sent_at)
        outcome.answered = True
        if late_twin:
            wire.guard(self.terms)
        return None


def _given_up(outcome: Outcome, error: Unsettled) -> None:
    if isinstance(error, BusyError):
        outcome.refusals += 1
    elif isinstance(error, BadReplyError) or (isinstance(error, NoAnswerError) and error.garbled):
        outcome.garbled += 1
    else:
        outcome.silences += 1
    outcome.says.append(str(error))
