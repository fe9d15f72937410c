"""The audit log: no line can be changed, put in or taken out unnoticed, and a power cut costs nothing that was done."""

import itertools
from collections.abc import Callable
from pathlib import Path

import orjson
import pytest

from gateway.clock import SystemClock
from gateway.control.audit import FILES, AuditError, AuditFile, Head
from gateway.control.chain import ChainError, Record, files, hashed, line, records

BOUND = 1_000_000


def log(folder: Path, max_bytes: int = BOUND) -> AuditFile:
    return AuditFile(folder, SystemClock(), max_bytes)


def written(folder: Path, count: int = 5, max_bytes: int = BOUND) -> Head:
    """A log of so many records; its head."""
    file = log(folder, max_bytes)
    file.open()
    for index in range(count):
        file.append("armed", operator="li", device=f"meter-{index:03d}")
    file.close()
    return file.head


def told(folder: Path) -> list[Record]:
    return list(records(files(folder)))


def test_what_was_written_is_read_again_in_order(tmp_path: Path) -> None:
    head = written(tmp_path)
    found = told(tmp_path)
    assert [(one.seq, one.told["device"]) for one in found] == [(n + 1, f"meter-{n:03d}") for n in range(5)]
    assert (found[-1].seq, found[-1].hash) == (head.seq, head.hash)


def test_every_record_holds_the_hash_of_the_line_before_it(tmp_path: Path) -> None:
    written(tmp_path)
    lines = (tmp_path / "audit-1.log").read_bytes().splitlines()
    assert [orjson.loads(line)["previous"] for line in lines[1:]] == [hashed(line) for line in lines[:-1]]


def test_the_next_life_goes_on_where_the_last_one_ended(tmp_path: Path) -> None:
    written(tmp_path)
    written(tmp_path)
    assert [one.seq for one in told(tmp_path)] == list(range(1, 11))


def changed(lines: list[bytes]) -> list[bytes]:
    return [lines[0], lines[1].replace(b"li", b"ma"), *lines[2:]]


FORGED: dict[str, tuple[Callable[[list[bytes]], list[bytes]], str]] = {
    "a line that was changed": (changed, "audit-1.log:3: does not follow the record before it"),
    "a line that was taken out": (lambda lines: lines[:1] + lines[2:], "audit-1.log:2: is record 3 where 2 should be"),
    "a line that was put in": (lambda lines: [lines[0], *lines], "audit-1.log:2: is record 1 where 2 should be"),
    "two lines that changed places": (lambda lines: [lines[1], lines[0], *lines[2:]], "audit-1.log:1: is record 2"),
    "a beginning that was cut off": (lambda lines: lines[2:], "audit-1.log:1: is record 3 where 1 should be"),
    "a line that is no record": (lambda lines: [lines[0], b"hello\n", *lines[1:]], "audit-1.log:2: is no record"),
    "a line that is a list": (lambda lines: [b"[1]\n", *lines], "audit-1.log:1: is no record"),
    "zeros in the middle": (lambda lines: [lines[0], b"\0" * 50 + b"\n", *lines[2:]], "audit-1.log:2: is no record"),
}


@pytest.mark.parametrize(("forge", "says"), FORGED.values(), ids=FORGED.keys())
def test_a_forged_log_is_found_out_at_the_first_wrong_line(
    tmp_path: Path, forge: Callable[[list[bytes]], list[bytes]], says: str
) -> None:
    written(tmp_path)
    path = tmp_path / "audit-1.log"
    path.write_bytes(b"".join(forge(path.read_bytes().splitlines(keepends=True))))
    with pytest.raises(ChainError, match=says):
        told(tmp_path)
    with pytest.raises(AuditError, match=says):
        log(tmp_path).open()


def test_a_log_whose_end_was_cut_off_is_found_out_by_the_published_head(tmp_path: Path) -> None:
    head = written(tmp_path)
    path = tmp_path / "audit-1.log"
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-1]))
    assert len(told(tmp_path)) == 4, "by itself it looks whole"
    with pytest.raises(AuditError, match="record 5 was published and is gone"):
        log(tmp_path).open(head)


def test_a_log_that_was_written_anew_is_found_out_by_the_published_head(tmp_path: Path) -> None:
    head = written(tmp_path)
    (tmp_path / "audit-1.log").unlink()
    file = log(tmp_path)
    file.open()
    for _ in range(9):
        file.append("refused")
    file.close()
    with pytest.raises(AuditError, match="record 5 is not the one that was published"):
        log(tmp_path).open(head)


def test_a_forged_log_that_begins_after_what_was_published_is_found_out(tmp_path: Path) -> None:
    head = written(tmp_path)
    (tmp_path / "audit-1.log").unlink()
    for seq, previous in ((head.seq + 1, "ab" * 32), (head.seq + 5, head.hash)):
        (tmp_path / "audit-2.log").write_bytes(line(seq, "2026-06-01T12:00:00.000Z", previous, "continued", {}))
        with pytest.raises(AuditError, match="record 5 is not the one that was published"):
            log(tmp_path).open(head)


def test_a_broken_log_is_set_aside_and_the_new_one_follows_what_was_published(tmp_path: Path) -> None:
    head = written(tmp_path)
    (tmp_path / "audit-1.log").write_text("forged\n")
    begun = log(tmp_path)
    begun.begin_anew(head, "looked at by wang")
    begun.close()
    file = log(tmp_path)
    heard: list[Record] = []
    file.open(head, heard.append)
    file.append("armed")
    [first, second] = told(tmp_path)
    assert (first.seq, first.previous, first.told["anew"]) == (6, head.hash, "looked at by wang")
    assert (second.seq, heard) == (7, [first])
    assert (tmp_path / "audit-1.log.broken").read_text() == "forged\n"


@pytest.mark.parametrize("tail", [b'{"seq":6,"at":"2026-', b"\0" * 300, b"{"], ids=["half a line", "zeros", "a byte"])
def test_a_power_cut_in_a_record_costs_that_record_and_is_written_down(tmp_path: Path, tail: bytes) -> None:
    head = written(tmp_path)
    with (tmp_path / "audit-1.log").open("ab") as file:
        file.write(tail)
    assert len(told(tmp_path)) == 5
    again = log(tmp_path)
    heard: list[Record] = []
    again.open(head, heard.append)
    again.append("armed")
    assert [(one.what, dict(one.told)) for one in heard[5:]] == [("torn", {"bytes": len(tail)})]
    assert [one.seq for one in told(tmp_path)] == list(range(1, 8))


def test_a_full_log_goes_on_in_a_new_file_and_what_goes_is_written_down(tmp_path: Path) -> None:
    head = written(tmp_path, 200, max_bytes=16_000)
    paths = files(tmp_path)
    assert len(paths) == FILES
    assert sum(path.stat().st_size for path in paths) < 20_000
    found = told(tmp_path)
    assert found[-1].hash == head.hash
    assert [one.seq for one in found] == list(range(found[0].seq, head.seq + 1))
    removed = [one for one in found if one.what == "removed"]
    assert removed[-1].told["file"] == f"audit-{int(paths[0].stem.removeprefix('audit-')) - 1}.log"
    assert removed[-1].told["hash_of_last"] == found[0].previous
    log(tmp_path).open(head)


def test_a_file_in_the_middle_that_is_missing_is_found_out(tmp_path: Path) -> None:
    written(tmp_path, 200, max_bytes=16_000)
    files(tmp_path)[1].unlink()
    with pytest.raises(ChainError, match="lines were taken out"):
        told(tmp_path)


def test_a_crash_between_two_files_leaves_a_chain(tmp_path: Path) -> None:
    written(tmp_path)
    (tmp_path / "audit-2.log").touch()
    written(tmp_path, 1)
    assert [one.what for one in told(tmp_path)[5:]] == ["continued", "armed"]
    (tmp_path / "audit-1.log").unlink()
    assert len(told(tmp_path)) == 2


def test_two_processes_do_not_write_one_log(tmp_path: Path) -> None:
    first = log(tmp_path)
    first.open()
    with pytest.raises(AuditError, match="is in use by another process"):
        log(tmp_path).open()


def test_a_disk_that_takes_nothing_is_said_and_the_chain_goes_on_when_it_does(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")
    signal = pytest.importorskip("signal")
    file = log(tmp_path)
    file.open()
    file.append("armed")
    size = (tmp_path / "audit-1.log").stat().st_size
    before, ignored = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size + 20, before[1]))
        for _ in range(2):
            with pytest.raises(AuditError, match="nothing can be written down, so nothing is done"):
                file.append("confirmed")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)
    file.append("armed")
    assert [(one.seq, one.what) for one in told(tmp_path)] == [(1, "armed"), (2, "armed")]


def test_a_chain_cut_anywhere_opens_again(tmp_path: Path) -> None:
    """A power cut leaves any beginning of what was being written."""
    written(tmp_path, 3)
    raw = (tmp_path / "audit-1.log").read_bytes()
    ends = list(itertools.accumulate(len(line) for line in raw.splitlines(keepends=True)))
    for size in range(0, len(raw), 7):
        (tmp_path / "audit-1.log").write_bytes(raw[:size])
        file = log(tmp_path)
        file.open()
        file.append("armed")
        file.close()
        whole = sum(end <= size for end in ends)
        assert [one.seq for one in told(tmp_path)][: whole + 1] == list(range(1, whole + 2))
