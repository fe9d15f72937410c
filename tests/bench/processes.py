"""Benchmarks in several processes: which core is whose, helpers that end with their standard input."""

import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager


def leave_first_core() -> int:
    """The first core, which is the parts' own from now on: this process and its helpers keep to the others."""
    first, *others = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, others or [first])
    return first


def raise_file_limit() -> None:
    """A connection for each of a thousand devices."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


@contextmanager
def process(module: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A helper that ends with its standard input."""
    command = [sys.executable, "-m", module, *arguments]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as helper:
        yield helper


def said(helper: subprocess.Popen[str]) -> str:
    """The helper's next line."""
    assert helper.stdout is not None
    return helper.stdout.readline().strip()
