"""Every verb that operators have: its arguments, what it changes, and what it does in a sentence."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum


class Changes(IntEnum):
    """What a verb changes: nothing; what the gateway knows; a meter, for which the operator has to be known."""

    NOTHING = 0
    GATEWAY = 1
    METER = 2


@dataclass(frozen=True, slots=True)
class Verb:
    """One verb as operators know it."""

    name: str
    needs: tuple[str, ...]  # arguments that must be there
    takes: tuple[str, ...]  # arguments that may be
    changes: Changes
    does: str
    long: bool = False  # it takes minutes, and keeps nobody else from asking

    @property
    def arguments(self) -> tuple[str, ...]:
        """All that a request may hold besides its id and its expiry."""
        return self.needs + self.takes

    def strange(self, given: Iterable[str]) -> str:
        """What is wrong with the names of arguments that it was given; '' when it knows all of them."""
        unknown = [argument for argument in given if argument not in self.arguments]
        there = f"it has {', '.join(self.arguments)}" if self.arguments else "it has none"
        return f"{self.name} has no argument {', '.join(map(repr, unknown))}; {there}" if unknown else ""


def _verbs(changes: Changes, *rows: tuple[str, str, str, str], long: bool = False) -> Iterable[Verb]:
    for name, needs, takes, does in rows:
        yield Verb(name, tuple(needs.split()), tuple(takes.split()), changes, does, long)


VOCABULARY: Mapping[str, Verb] = {
    verb.name: verb
    for verb in (
        *_verbs(
            Changes.NOTHING,
            ("read", "device", "points", "reads a device now, ahead of the polls"),
            (
                "judge",
                "device",
                "complaint at",
                "judges a customer's call (complaint=no_power or voltage), with evidence",
            ),
            ("trace", "line", "frames", "the last frames on a line, explained"),
            ("incidents", "", "", "what lasts now"),
            ("silences", "", "", "what is silent, until when and by whom"),
            ("figures", "", "", "the gateway's own figures"),
            ("configuration", "", "device", "the settings in force, without secrets; or those of a device"),
            ("store", "", "", "what waits in the store, for whom, since when and why"),
            ("backfill", "device start", "end", "has a device's memory of a span read when its line is idle"),
        ),
        *_verbs(
            Changes.NOTHING,
            ("scan", "line", "bauds minutes", "finds the DL/T 645 meters on a line while it is polled"),
            ("clocks", "", "device line", "how far meters' clocks are off"),
            long=True,
        ),
        *_verbs(
            Changes.GATEWAY,
            ("plan", "outage node start end", "reason kind", "announces an outage, or changes an announced one"),
            ("unplan", "outage", "", "withdraws an announced outage"),
            ("order", "device", "at kind", "tells of an order to disconnect a customer"),
            ("unorder", "device", "", "withdraws it"),
            ("acknowledge", "incident", "by", "somebody takes care of it: no more reminders"),
            ("shelve", "incident until", "by", "silences one incident, unless it ends or grows in severity"),
            ("unshelve", "incident", "", "ends that silence"),
            ("reload", "", "", "checks all files of the configuration, and begins anew when they are good"),
            (
                "silence",
                "until",
                "node device kind by reason silence",
                "tells nothing new of a place or a kind for a time",
            ),
            ("unsilence", "silence", "", "ends a silence; what it kept back and still lasts is told"),
            ("progress", "incident state", "expected_end", "how far the crew is; customers are told"),
        ),
        *_verbs(
            Changes.METER,
            ("arm", "device action reason", "parameter values", "asks for a token to change a device with"),
            ("confirm", "device action token", "", "has what was armed done, once, and looks what came of it"),
            ("disarm", "device action token", "", "gives a token back; nothing is done"),
        ),
    )
}
