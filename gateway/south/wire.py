"""The manners of a half-duplex line: one request, one answer, silence in between, and no late answer ever believed.

RTU and DL/T 645 answers do not say which request they belong to. So after a timeout nobody speaks until the line has
been silent for the late guard, and what comes meanwhile is thrown away. An answer to a repeated request could still be
the late one to the first; a second guard follows it, so that its twin cannot pass for the answer to the next request.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from drivers.api import Conversation, LineSettings, Reading
from drivers.errors import BadReplyError, RefusedError
from gateway.clock import Clock
from gateway.south.link.api import Link
from gateway.south.trace import Trace

SILENT_CHARACTERS = 3.5  # between frames: Modbus over serial line V1.02, 2.5.1.1
SHORTEST_SILENCE_S = 0.00175  # same clause: fixed above 19200 baud
PATIENCE_S = 0.5  # between two bytes of an answer: DL/T 645-2007, 5.3.3
BABBLE_S = 20.0  # how long somebody who does not stop talking is waited for, once until the line has been silent again
SHOWN = 64  # bytes of an answer in a message; the trace has all of them
LONGEST_ANSWER = 264  # bytes: 256 of a Modbus frame or 216 of DL/T 645, with four bytes of preamble and some noise
GARBLED = 7  # bytes: a shorter sound is noise, so much is an answer that was spoilt


class NoAnswerError(Exception):
    """Nothing that could be used came in time. `heard` holds what did come."""

    def __init__(self, heard: bytes) -> None:
        more = f" ... ({len(heard)} bytes)" if len(heard) > SHOWN else ""
        super().__init__(f"an answer that cannot be read: {heard[:SHOWN].hex(' ')}{more}" if heard else "no answer")
        self.heard = heard

    @property
    def garbled(self) -> bool:
        """So much was heard that somebody must have answered."""
        return len(self.heard) >= GARBLED


@dataclass(frozen=True, slots=True)
class Terms:
    """How one device wants to be spoken to on this line."""

    device: str
    settings: LineSettings
    timeout_s: float  # from the last byte asked to the first byte answered
    silence_s: float  # before the next frame
    guard_s: float  # after a timeout; 0 where late answers are harmless


def silence(settings: LineSettings, pause_s: float) -> float:
    """Seconds between an answer and the next request on a serial wire."""
    return max(settings.seconds(1) * SILENT_CHARACTERS, SHORTEST_SILENCE_S, pause_s)


class Wire:
    """One link under the rules of a shared line."""

    def __init__(self, link: Link, clock: Clock, trace: Trace, echo: bool = False) -> None:
        self.link = link
        self.late_bytes = 0
        self.late_answers: Counter[str] = Counter()  # by device
        self.late_by_s: dict[str, float] = {}  # how long after its time the latest of them came
        self.stray_bytes = 0
        self.sent_at = self.heard_at = 0.0  # of the last exchange, monotonic
        self.noise: Literal["none", "loud", "bearable"] = "none"  # bearable: somebody was understood all the same
        self.waited_s = 0.0  # for others to stop talking, in all
        self._now = clock.monotonic
        self._trace = trace
        self._echo = echo
        self._free_at = 0.0  # before that nobody speaks
        self._guard_s = 0.0  # how long the line has to be silent; 0: no timeout lately
        self._given_up_at = 0.0  # when the last answer had not come in time
        self._owing = ""  # the device whose answer did not come in time and may still come

    def at_ease(self, now: float) -> bool:
        """Whether a request may go out at once, and nobody has to be waited for before."""
        return self._free_at <= now and not self._guard_s and self.noise == "none"

    def say(self, request: bytes, terms: Terms) -> float:
        """Send a request; until when the first byte of its answer may take. Raises LinkError when the link is gone."""
        link, on_wire = self.link, 0.0
        if link.paced:
            link.configure(terms.settings)
            on_wire = terms.settings.seconds(len(request))
        link.send(request)
        self.sent_at = sent = self._now()
        self._trace.note(sent, "out", request, terms.device)
        return sent + on_wire + terms.timeout_s

    async def exchange(self, request: bytes, talk: Conversation, terms: Terms, said: bool = False) -> Sequence[Reading]:
        """Send a request and give its answer to the conversation until that is content.

        `said`: it is on its way already, the last thing that was. Raises NoAnswerError, BadReplyError, RefusedError;
        LinkError when the link is gone.
        """
        link, now = self.link, self._now
        if said:
            until = self.sent_at + terms.timeout_s
        else:
            stale = link.drain()
            if stale or self._free_at > now():
                await self._settle(stale, terms)
            until = self.say(request, terms)
        latest = until + PATIENCE_S + (terms.settings.seconds(LONGEST_ANSWER) if link.paced else 0.0)
        heard = b""
        echo = request if self._echo else b""
        while data := await link.receive(until):
            if echo:
                data, echo = without_echo(heard, data, echo)
            heard += data
            try:
                readings = talk.feed(data) if data else None
            except (BadReplyError, RefusedError):
                self.heard(heard, terms)
                raise
            if readings is not None:
                self.heard(heard, terms)
                return readings
            until = min(max(until, now() + min(PATIENCE_S, terms.timeout_s)), latest)
        self._guard_s, self._owing, self._given_up_at = terms.guard_s, terms.device, self._now()
        self._free_at = now() + max(terms.guard_s, terms.silence_s)
        if heard:
            self._trace.note(now(), "in", heard, terms.device)
        # an echo that nobody configured is no sign of life, and nothing to be shown when a secret was said
        raise NoAnswerError(self._trace.shown(heard.removeprefix(request)))

    def guard(self, terms: Terms) -> None:
        """The answer just taken may have been the late one to an earlier request: let its twin pass."""
        self._guard_s, self._owing, self._given_up_at = terms.guard_s, terms.device, self._now()
        self._free_at = max(self._free_at, self._now() + terms.guard_s)

    def hold(self, seconds: float) -> None:
        """Nobody speaks for so long."""
        self._free_at = max(self._free_at, self._now() + seconds)

    def renew(self) -> None:
        """The link was opened anew: nothing that was said before can still come."""
        self._free_at, self._guard_s, self._owing = 0.0, 0.0, ""

    def heard(self, answer: bytes, terms: Terms) -> None:
        """The answer has come, good or bad."""
        self.heard_at = at = self._now()
        if self.noise == "loud":
            self.noise = "bearable"
        self._free_at = at + terms.silence_s
        self._trace.note(at, "in", answer, terms.device)

    async def _settle(self, stale: bytes, terms: Terms) -> None:
        """Wait until the line is free and has been silent; give up on a line that never is."""
        quiet = max(self._guard_s, terms.silence_s)
        free_at = max(self._free_at, self._now())
        latest = free_at + (BABBLE_S if self.noise == "none" else 4 * quiet + PATIENCE_S)
        stale_at, late_bytes = 0.0, self.late_bytes
        while True:
            at = self._now()
            if stale:
                self._discard(stale, at)
                stale_at = at
                self._free_at = min(max(self._free_at, at + quiet), latest)
            if at >= self._free_at:
                break
            stale = await self.link.receive(self._free_at)
        if stale_at:  # else only the timer was late
            self.waited_s += max(0.0, at - free_at)
        if at - stale_at >= quiet:
            self.noise = "none"
        elif self.noise == "none":
            self.noise = "loud"
        if self.late_bytes - late_bytes >= GARBLED:
            self.late_answers[self._owing] += 1
            late_by_s = stale_at - self._given_up_at
            self.late_by_s[self._owing] = max(late_by_s, self.late_by_s.get(self._owing, 0.0))
        self._guard_s, self._owing = 0.0, ""

    def _discard(self, stale: bytes, at: float) -> None:
        if self._owing:
            self.late_bytes += len(stale)
        else:
            self.stray_bytes += len(stale)
        self._trace.note(at, "late" if self._owing else "noise", stale, self._owing)


def without_echo(before: bytes, data: bytes, echo: bytes) -> tuple[bytes, bytes]:
    """What is left of `data` when the adapter gives back what was sent, and how much echo is still to come.

    An echo is the very first that comes; when something else does, there is none and all of it counts.
    """
    size = min(len(data), len(echo))
    if before or data[:size] != echo[:size]:
        return data, b""
    return data[size:], echo[size:]
