"""What an answer of a database means for the rows that were sent."""

from dataclasses import dataclass
from enum import Enum


class Meaning(Enum):
    """What to do now."""

    STORED = "stored"  # the rows are done
    PARTLY = "partly"  # some points can never be stored, the others are: done, and counted
    POISON = "poison"  # a line that cannot be read is among them: find it
    TOO_LARGE = "too large"  # send less at a time
    FORBIDDEN = "forbidden"  # wrong token, bucket or organisation: keep all, tell people, try slowly
    LATER = "later"  # the same again, a little later


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer, or the lack of one (status 0)."""

    status: int
    message: str = ""
    retry_after_s: float = 0.0


def meaning(answer: Answer) -> Meaning:
    """Read an answer to a write.

    1.x and 3.x store what they can and say 400 'partial write' for the rest. 1.x means points that are too old or of
    another type; 3.x means lines of any fault, which have to be found: what it stored of them already is no harm.
    """
    if answer.status == 204:
        return Meaning.STORED
    if answer.status == 422:
        return Meaning.PARTLY
    if answer.status == 400:
        unread = "unable to parse" in answer.message or "line protocol" in answer.message
        return Meaning.PARTLY if "partial write" in answer.message and not unread else Meaning.POISON
    if answer.status == 413:
        return Meaning.TOO_LARGE
    if answer.status in (401, 403, 404):
        return Meaning.FORBIDDEN
    return Meaning.LATER
