"""No wrong value: 100 000 transactions on a line that spoils 15 % of them, without echo and with it.

Four devices of two protocols; answers late, lost, cut, merged, with noise in front and behind, with a wrong checksum,
byte by byte, said twice, behind foreign frames, of units of our own too. A value says which device and which register
it is from, so any mix-up shows. What nobody could refuse is not among the faults: an answer later than timeout and
guard together, spoilt bytes whose checksum is right by chance, a second device at the same address.
TRANSACTIONS and SHARE in the environment ask for more or worse. Exit status 1 when a single value was wrong.
"""

import os
import sys

from tests.bench.report import row
from tests.gateway.south.mixed import Proof, faulty
from tests.virtual import run_virtual

TRANSACTIONS = int(os.environ.get("TRANSACTIONS", "100000"))
SHARE = float(os.environ.get("SHARE", "0.15"))


def tell(title: str, proof: Proof) -> None:
    """The figures of one line."""
    for figure, value in (
        ("transactions", proof.transactions),
        ("answers spoilt by the line", proof.spoilt.total()),
        ("answers refused or missed", proof.refused),
        ("late answers refused", proof.report.late_answers),
        ("polls", proof.polls),
        ("polls with values", proof.good),
        ("polls without a value that do not say why", proof.mute),
        ("wrong values", len(proof.wrong)),
    ):
        row("faulty_line", f"{title}: {figure}", value, "")


def main() -> int:
    """Both lines."""
    good = True
    for title, echo in (("no echo", False), ("echo", True)):
        proof = run_virtual(faulty(TRANSACTIONS, SHARE, echo, seed=2026))
        tell(title, proof)
        for found in proof.wrong:
            print("wrong:", found, file=sys.stderr)
        good = good and not proof.wrong and not proof.mute and proof.refused <= proof.spoilt.total()
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
