"""The standard's families as a table: what the catalogue says of each, in length, format, unit, sign and access.

A format with a minus is signed; `W` can be written with 14H (04H in the old edition), `w` is written and never told.
"""

import re
from collections.abc import Iterator

import pytest

from drivers.dlt645.catalog import find

TABLE = """
00000000 0000FF00 00000C0C            4  -XXXXXX.XX kWh
00010000 00013F00 0001000C 00020400   4  XXXXXX.XX kWh
00150000 00160000 00290000 003D0000   4  XXXXXX.XX kWh
00030000 00040100 00170000 002C0000   4  -XXXXXX.XX kvarh
00050000 00060000 00070000 00080000   4  XXXXXX.XX kvarh
00090000 000A0000 001D0000 00460000   4  XXXXXX.XX kVAh
00800000 00940000                     4  -XXXXXX.XX kWh
00810000 00860000 009A0000 00C20000   4  XXXXXX.XX kWh
00900100 00900101 000B0000 000B0001   4  XXXXXX.XX kWh
00900200 00900201                     4  XXXXXX.XX CNY
01010000 01020100 01150000 013D0000   8  XX.XXXX kW
01030000 01040000                     8  -XX.XXXX kvar
01050000 01080000                     8  XX.XXXX kvar
01090000 010A0000                     8  XX.XXXX kVA
02010100 02010300 0201FF00            2  XXX.X V
02020100 0202FF00 02800001            3  -XXX.XXX A
02030000 02030300 0203FF00 02800003 02800004 3  -XX.XXXX kW
02040000 0204FF00 02800005            3  -XX.XXXX kvar
02050000 0205FF00 02800006            3  -XX.XXXX kVA
02060000 0206FF00                     2  -X.XXX
02070100 0207FF00                     2  XXX.X deg
02080100 02090300 020A0101 020A03FF 020B0215 2  XX.XX %
02800002                              2  XX.XX Hz
02800007                              2  -XXX.X °C
02800008 02800009                     2  XX.XX V
0280000A                              4  XXXXXXXX min
0280000B 02800020 02800021            4  XXXX.XXXX CNY
03010000 03020000 03040000 030B0000 030F0000 18  XXXXXX
03010101 0302020A 03030301 03040101 131 YYMMDDhhmmss
030B0101 030C0201 030D030A            115 YYMMDDhhmmss
030E0101 030F0301 03070001 03080001   76  YYMMDDhhmmss
03090001 030A0001                     78  YYMMDDhhmmss
03050000 03060000                     6   XXXXXX
03050001                              15  YYMMDDhhmmss
03060001 03110001 0311000A            12  YYMMDDhhmmss
03100000 0310000C 03100100 0310030C   27  XXXXXX min
03110000 03300000 03300E00            3   XXXXXX
03120000                              18  XXXXXX
03120101 0312060A                     20  YYMMDDhhmmss
03300001                              50  YYMMDDhhmmss
03300101                              106 YYMMDDhhmmss
03300201                              202 YYMMDDhhmmss
03300301                              14  YYMMDDhhmmss
03300401                              16  NNNNNNNN
03300501                              682 YYMMDDhhmmss
03300601                              94  YYMMDDhhmmss
03300701 03300901 03300A01 03300B01   11  YYMMDDhhmmss
03300801                              1026 YYMMDDhhmmss
03300C01                              16  YYMMDDhhmmss
03300D01 03300E0A                     60  YYMMDDhhmmss
10000001 10010001 13030001 18000001 1C000001 1D000001 1E000001 20000001 3  XXXXXX
10000002 13010002                     3   XXXXXX min
1001010A 13030101 18010101 1D000101 1E00010A  6  YYMMDDhhmmss
10012501 12032501 13012501 1801210A 19032101 1A012101 1C011201 6  YYMMDDhhmmss
04000101                              4   YYMMDDWW W
04000102                              3   hhmmss W
0400010C                              7   YYMMDDWWhhmmss W
04000103 04000104                     1   XX min W
04000105                              2   XXXX ms W
04000106 04000107                     5   YYMMDDhhmm W
04000201 04000202 04000203 04000204 04000206 1 XX W
04000205                              2   XXXX W
04000306 04000307                     3   XXXXXX W
04000401 04000402                     6   NNNNNNNNNNNN W
0400040E                              6   NNNNNNNNNNNN
04000403                              32  text32 W
04000409                              3   XXXXXX imp/kWh
0400040A                              3   XXXXXX imp/kvarh
04000501 04000507 040005FF            2   NNNN
04000601 04000602 04000603 04000701 04000705 04000801 04000901 04000902 04000906 1 NN W
04000A01                              4   MMDDhhmm W
04000A02 04000A07                     2   XXXX min W
04000B01 04000B03                     2   DDhh W
04000C01 04000C0A                     4   NNNNNNNN w
04000D01 04000D0C                     2   X.XXX W
04000E01 04000E02                     3   XX.XXXX kW W
04000E03 04000E04                     2   XXX.X V W
04000F01 04000F02                     4   XXXXXX.XX kWh W
04001001 04001005                     4   XXXXXX.XX CNY W
04001104                              8   NNNNNNNNNNNNNNNN W
04001501                              12  NNNNNNNNNNNNNNNNNNNNNNNN
04001201                              5   YYMMDDhhmm W
04001202                              1   XX min W
04001203                              2   hhmm W
04001401                              2   XXXX min W
04001402                              3   XXX.XXX A W
04010000 04020000                     3   MMDD W
04010001 04020008                     3   hhmm W
04030001 040300FE                     4   YYMMDD W
05000001 05010003 05060001 0507000C   5   YYMMDDhhmm
05000101 05010201 05040101 0505023E 05060101 4  XXXXXX.XX kWh
05020301 05030401                     4   -XXXXXX.XX kvarh
05000501 05000801                     4   XXXXXX.XX kvarh
05000901 05060A01                     8   XX.XXXX kW
05001001                              24  -XX.XXXX kW
06100101 06100302                     2   XXX.X V
06110101                              3   -XXX.XXX A
06120001                              3   -XX.XXXX kW
06130001                              3   -XX.XXXX kvar
06140001                              2   -X.XXX
9010 9011 901F 9020 9410 9820         4   XXXXXX.XX kWh
9110 9120 9130 9140 9150 9160 9510    4   XXXXXX.XX kvarh
A010 A020 A410                        3   XX.XXXX kW
A110                                  3   XX.XXXX kvar
B010 B210 B211 B330 B343              4   MMDDhhmm
B212 B213 B310 B313                   2   XXXX
B214 B320 B323                        3   XXXXXX min
B611 B613                             2   XXXX V
B621 B623                             2   XX.XX A
B630 B633                             3   XX.XXXX kW
B640 B643                             2   XX.XX kvar
B650                                  2   X.XXX
C010                                  4   YYMMDDWW W
C011                                  3   hhmmss W
C020 C021 C022                        1   NN
C030                                  3   XXXXXX imp/kWh W
C032 C033 C034                        6   NNNNNNNNNNNN W
C117                                  2   DDhh W
C310 C314                             1   XX W
"""

ROW = re.compile(r"((?:[0-9A-F]{8} |[0-9A-F]{4} )+) *(\d+) +(-?)(text32|\S+)(?: ([^\sWw]\S*))?(?: ([Ww]))?")


def rows() -> Iterator[tuple[str, int, str, str, str, str]]:
    """Identifier, bytes, sign, format, unit, access."""
    for line in TABLE.strip().splitlines():
        match = ROW.fullmatch(line)
        assert match, line
        identifiers, size, sign, notation, unit, access = match.groups("")
        for identifier in identifiers.split():
            yield identifier, int(size), sign, notation, unit, access


@pytest.mark.parametrize("row", list(rows()), ids=lambda row: row[0])
def test_an_identifier_has_the_length_the_format_the_unit_and_the_access_of_the_standard(
    row: tuple[str, int, str, str, str, str],
) -> None:
    identifier, size, sign, notation, unit, access = row
    item = find(identifier)
    assert item, "the catalogue has no such identifier"
    first = item.fields[0]
    assert (item.size, first.notation, first.unit) == (size, f"{sign}{notation}", unit)
    assert (item.writable, item.readable) == {"": (False, True), "W": (True, True), "w": (True, False)}[access]
    assert item.edition == ("1997" if len(identifier) == 4 else "2007")
