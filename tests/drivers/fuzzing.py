"""Runs a fuzz target under atheris, beginning with a corpus."""

import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from tempfile import TemporaryDirectory


def fuzz(target: Callable[[bytes], None], corpus: Iterable[bytes]) -> None:
    """Until something is found or the options of the command line end it; a folder that is given keeps what is new."""
    import atheris

    atheris.instrument_all()
    with TemporaryDirectory() as begin:
        for number, data in enumerate(corpus):
            Path(begin, str(number)).write_bytes(data)
        folders = [word for word in sys.argv[1:] if not word.startswith("-")]
        options = [word for word in sys.argv[1:] if word.startswith("-")]
        atheris.Setup([sys.argv[0], *options, *folders, begin], target)
        atheris.Fuzz()
