"""Faults of a TOML file can be said with their line only if every key's line is known."""

from pathlib import Path

import pytest

from gateway.settings.toml_file import KeyPath, field_name, read_toml

TEXT = """\
title = "x"            # 1
[gateway]              # 2
id = "g"               # 3
"quoted key" = 1       # 4
a.b = 2                # 5

[[line]]               # 7
id = "one"             # 8
[[line]]               # 9
id = "two"             # 10
  [line.extra]         # 11
  deep = true          # 12
[mqtt.tls]             # 13
ca = "="               # 14
"""
LINES: dict[str, tuple[KeyPath, int]] = {
    "a key of the file itself": (("title",), 1),
    "a table": (("gateway",), 2),
    "a key of a table": (("gateway", "id"), 3),
    "a quoted key": (("gateway", "quoted key"), 4),
    "a dotted key": (("gateway", "a", "b"), 5),
    "the first of an array of tables": (("line", 0), 7),
    "a key of the second of an array": (("line", 1, "id"), 10),
    "a table inside an array entry": (("line", 1, "extra", "deep"), 12),
    "a table inside a table": (("mqtt", "tls", "ca"), 14),
    "a missing key counts as its table": (("line", 1, "port"), 9),
    "what is not there at all has no line": (("influx", "url"), 0),
}


@pytest.mark.parametrize(("path", "line"), LINES.values(), ids=LINES.keys())
def test_the_line_of_a_key(tmp_path: Path, path: KeyPath, line: int) -> None:
    (tmp_path / "a.toml").write_text(TEXT)
    assert read_toml(tmp_path / "a.toml").line(path) == line


BROKEN = {
    "not there": (None, 0, "cannot be read: No such file or directory. Create it or correct its name."),
    "not UTF-8": (b"a = '\xff'", 0, "is not UTF-8 at byte 5. Save it as UTF-8."),
    "no TOML": (b"a = 1\nb = 0012\n", 2, "is no TOML at column 6"),
}


@pytest.mark.parametrize(("raw", "line", "says"), BROKEN.values(), ids=BROKEN.keys())
def test_a_file_that_cannot_be_read_says_why(tmp_path: Path, raw: bytes | None, line: int, says: str) -> None:
    if raw is not None:
        (tmp_path / "a.toml").write_bytes(raw)
    (fault,) = read_toml(tmp_path / "a.toml").faults
    assert fault.line == line
    assert fault.says.startswith(says)


def test_places_are_named_as_people_count() -> None:
    assert field_name(("line", 0, "port")) == "line[1].port"
