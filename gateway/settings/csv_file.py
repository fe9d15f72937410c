"""A table as a spreadsheet exports it: rows of cells by column, and what the spreadsheet did to the file.

Spreadsheets put a byte order mark in front, write GB 18030 or UTF-16 instead of UTF-8, and semicolons or tabs instead
of commas. All of that is read as it is.
"""

import codecs
import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from gateway.settings.fault import Fault
from gateway.settings.shape import closest

WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
"""How a spreadsheet's own files begin: .xlsx (and .ods), .xls."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the file."""

    number: int
    cells: Mapping[str, str]


def read(path: Path, required: Sequence[str], columns: Sequence[str]) -> tuple[list[Row], list[Fault]]:
    """Rows with anything in them, and what is wrong with the file. Rows that begin with # are remarks."""
    text, fault = _text(path)
    if fault is not None:
        return [], [fault]
    lines = text.splitlines()
    if not lines:
        return [], [Fault(path, 1, "", f"is empty. The first line names the columns: {', '.join(required)}, ...")]
    delimiter = max(",;\t", key=lines[0].count)
    reader = csv.reader(lines, delimiter=delimiter)
    header = [cell.strip().lower() for cell in next(reader)]
    if faults := list(_header_faults(path, header, required, columns)):
        return [], faults
    rows: list[Row] = []
    begin = reader.line_num + 1
    for cells in reader:
        number, begin = begin, reader.line_num + 1
        if not any(cell.strip() for cell in cells) or cells[0].lstrip().startswith("#"):
            continue
        if says := _row_fault(cells, header, delimiter, reader.line_num - number):
            faults.append(Fault(path, number, "", says))
            continue
        rows.append(Row(number, dict(zip(header, (cell.strip() for cell in cells), strict=False))))
    return rows, faults


def _text(path: Path) -> tuple[str, Fault | None]:
    try:
        raw = path.read_bytes()
    except OSError as error:
        return "", Fault(path, 0, "", f"cannot be read: {error.strerror}. Create it or correct its name.")
    if raw.startswith(WORKBOOKS):
        return "", Fault(path, 0, "", "is a spreadsheet's own file, no text. Save it as 'CSV UTF-8'.")
    marked = raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    for encoding in ("utf-16",) if marked else ("utf-8-sig", "gb18030"):
        try:
            return raw.decode(encoding), None
        except UnicodeDecodeError as error:
            at = raw.count(b"\n", 0, error.start) + 1
    return "", Fault(path, at, "", "is neither UTF-8 nor GB 18030. Save it as 'CSV UTF-8'.")


def _header_faults(
    path: Path, header: Sequence[str], required: Sequence[str], columns: Sequence[str]
) -> Iterator[Fault]:
    for column in required:
        if column not in header:
            yield Fault(path, 1, column, f"the column is missing. The first line must name {', '.join(required)}.")
    for column in dict.fromkeys(header):
        if column not in columns:
            yield Fault(path, 1, column, f"is no column; {closest(column, columns)}")
        elif header.count(column) > 1:
            yield Fault(path, 1, column, "stands twice. Keep one of them.")


def _row_fault(cells: Sequence[str], header: Sequence[str], delimiter: str, more_lines: int) -> str:
    """What is wrong with a row as such, '' when nothing is."""
    if more_lines:
        return f'a quote opens here that is not closed before {more_lines} lines further down. Take out the ".'
    if len(cells) > len(header):
        return f"has {len(cells)} cells, the header {len(header)}. Put a cell that holds {delimiter!r} in quotes."
    if strange := next((cell for cell in cells if not cell.strip().isprintable()), ""):
        return f"{strange!r} holds a sign that cannot be printed. Enter the cell anew."
    return ""
