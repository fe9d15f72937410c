"""A fault of a config file: where it is, what is wrong, what to do."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that a fitter has to mend."""

    file: Path
    line: int  # counted from 1; 0: the file as a whole
    field: str  # the key or column; '' when it is about more than one
    says: str  # what is wrong and what to do, one sentence each

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else str(self.file)
        return f"{place}: {self.field}: {self.says}" if self.field else f"{place}: {self.says}"


class SettingsError(Exception):
    """Every fault of all files at once, in the order of files and lines."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(sorted(faults, key=lambda fault: (str(fault.file), fault.line, fault.field)))
        super().__init__("\n".join(map(str, self.faults)))
