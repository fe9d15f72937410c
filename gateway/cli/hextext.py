"""Finds the bytes in what people paste: hex with or without gaps, 0x, \\x or h around it, in the midst of a log."""

import re

_BETWEEN = re.compile(r"(?<![0-9A-Za-z])0[xX]|\\x|[^0-9A-Za-z]+")
_BYTES = re.compile(r"((?:[0-9A-Fa-f]{2})+)[hH]?")


def hex_bytes(text: str) -> bytes:
    """Every word that is whole bytes in hex, in order; all other words are left out.

    A time in front of a frame comes along as noise, which a driver's search for frames skips.
    """
    words = (_BYTES.fullmatch(word) for word in _BETWEEN.split(text))
    return bytes.fromhex("".join(word[1] for word in words if word))
