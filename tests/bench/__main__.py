"""`python -m tests.bench [NAME...]`: runs the named benchmarks, or all of them, each in a process of its own."""

import pkgutil
import subprocess
import sys
from pathlib import Path

NOT_BENCHES = {"__main__", "parts", "processes", "reference", "report"}


def names() -> list[str]:
    """Every benchmark of this folder."""
    return sorted(
        module.name for module in pkgutil.iter_modules([str(Path(__file__).parent)]) if module.name not in NOT_BENCHES
    )


def main(wanted: list[str]) -> int:
    """Exit status: 0 when all ran, 1 when one failed, 2 when there is no such benchmark."""
    if unknown := set(wanted) - set(names()):
        print(f"no benchmark {', '.join(sorted(unknown))}; there are {', '.join(names())}", file=sys.stderr)
        return 2
    statuses = [
        subprocess.run([sys.executable, "-m", f"tests.bench.{name}"], check=False) for name in wanted or names()
    ]
    return int(any(status.returncode for status in statuses))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
