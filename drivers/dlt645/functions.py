"""Function codes of both editions and what their error words mean."""

from typing import Final

NAMES_2007: Final = {
    0x03: "security",
    0x08: "broadcast time",
    0x11: "read",
    0x12: "read next",
    0x13: "read address",
    0x14: "write",
    0x15: "write address",
    0x16: "freeze",
    0x17: "change baud",
    0x18: "change password",
    0x19: "clear maximum demand",
    0x1A: "clear meter",
    0x1B: "clear events",
    0x1C: "relay",
    0x1D: "terminal output",
}
NAMES_1997: Final = {
    0x01: "read",
    0x02: "read next",
    0x03: "read again",
    0x04: "write",
    0x08: "broadcast time",
    0x0A: "write address",
    0x0C: "change baud",
    0x0F: "change password",
    0x10: "clear maximum demand",
}
ERRORS_2007: Final = {
    0: "other error",
    1: "no such data",
    2: "wrong password or not authorised",
    3: "baud rate cannot be changed",
    4: "too many year zones",
    5: "too many day periods",
    6: "too many tariffs",
    7: "reserved",
}
ERRORS_1997: Final = {
    0: "illegal data",
    1: "wrong identifier",
    2: "wrong password",
    4: "too many year zones",
    5: "too many day periods",
    6: "too many tariffs",
}
ERRORS_SECURITY: Final = {
    0: "other error",
    1: "repeated recharge",
    2: "security module failed to verify",
    3: "identity authentication failed",
    4: "customer number does not match",
    5: "recharge count is wrong",
    6: "over the hoarding limit",
}
BAUD_CODES: Final = {0x02: 600, 0x04: 1200, 0x08: 2400, 0x10: 4800, 0x20: 9600, 0x40: 19200}
RELAY_COMMANDS: Final = {
    0x1A: "trip",
    0x1B: "close permit",
    0x1C: "close direct",
    0x2A: "alarm on",
    0x2B: "alarm off",
    0x3A: "keep power on",
    0x3B: "keep power off",
}
TERMINAL_OUTPUTS: Final = {0x00: "clock second", 0x01: "demand period", 0x02: "tariff switch"}


def errors(word: int, meanings: dict[int, str]) -> list[str]:
    """The meanings of the bits that are set in an error word."""
    bits = range(max(8, word.bit_length()))
    return [meanings.get(bit, f"reserved bit {bit}") for bit in bits if word >> bit & 1]


def meaning(word: int, meanings: dict[int, str]) -> str:
    """The same in one phrase, for an error's text."""
    return ", ".join(errors(word, meanings)) or "no reason given"
