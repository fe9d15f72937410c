"""The one way to a terminal's colours and tables: what others wrote is printed as it stands.

Rich takes `[/b]` in a text for markup, and ends in an error where nothing was opened; but names, ids and what comes
over the broker are no markup. Colours are given as styles.
"""

from typing import IO

from rich.console import Console

__all__ = ["LOG_WIDTH", "Console", "console"]

LOG_WIDTH = 160
"""Columns where there is no terminal: in a log or a pipe a table must not be cut."""


def console(*, stderr: bool = False, file: IO[str] | None = None, log_width: int = LOG_WIDTH) -> Console:
    """Standard output, standard error or `file`; as wide as the terminal, or `log_width` where there is none."""
    width = None if Console(stderr=stderr, file=file).is_terminal else log_width
    return Console(stderr=stderr, file=file, width=width, markup=False, emoji=False, highlight=False)
