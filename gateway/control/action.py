"""What somebody wants done to a device, as requests, permits and the audit log name it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import get_args

from gateway.settings.models import ActionName, ControlSettings

ACTIONS: tuple[ActionName, ...] = get_args(ActionName)

WITH_WRITE_PASSWORD = ("write", "set_clock", "clear_demand")
"""What a DL/T 645 meter wants the password of level 04 for; of level 02 for the relay, and none for a freeze."""


@dataclass(frozen=True, slots=True)
class Action:
    """One thing to be done to one device."""

    name: ActionName
    device: str
    parameter: str = ""  # what `write` sets: an identifier
    values: tuple[str, ...] = ()  # and to what, in the order of the catalogue; when to `freeze`, as MMDDhhmm

    def told(self) -> Mapping[str, object]:
        """As it stands in answers and in the audit log."""
        written: dict[str, object] = {"parameter": self.parameter} if self.parameter else {}
        written |= {"values": list(self.values)} if self.values else {}
        return {"action": self.name, "device": self.device, **written}

    def __str__(self) -> str:
        values = ", ".join(self.values)
        return f"{self.name} {self.parameter} = {values}" if self.parameter else f"{self.name} {values}".rstrip()


def permitted(settings: ControlSettings, operator: str, action: Action) -> bool:
    """Whether a permit of the site allows this operator this action on this device."""
    return any(
        operator in permit.operators
        and action.name in permit.actions
        and _fits(action.device, permit.devices)
        and (not action.parameter or _fits(action.parameter, [pattern.upper() for pattern in permit.parameters]))
        for permit in settings.permit
    )


def secret_file(settings: ControlSettings, action: Action) -> str:
    """Where the password for an action on a DL/T 645 meter stands; '' where the site names none."""
    for row in settings.meters:
        if _fits(action.device, row.devices):
            return row.write_file if action.name in WITH_WRITE_PASSWORD else row.switch_file
    return ""


def _fits(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)
