"""What frames carry that nobody may read in a trace or a log: a meter's passwords and its operators' codes.

Every command that changes a meter carries them in plain bytes. They are covered with a byte that no digit encodes,
and the checksum is made to fit, so that a covered frame can still be explained.
"""

from collections.abc import Mapping

from drivers.dlt645.frame import START, Frame, encode, frames, parse

COVER = 0xAA
"""In place of a byte of a secret; no pair of digits, so it is never taken for one."""

_PASSWORD, _OPERATOR = 4, 4  # level and three bytes of password; four bytes of an operator's code
_DIGITS_2007, _DIGITS_1997 = 4, 2  # bytes of an identifier
_HIDDEN: Mapping[int, tuple[int, int | None]] = {
    0x04: (_DIGITS_1997 + 1, _DIGITS_1997 + _PASSWORD),
    0x0F: (1, None),
    0x10: (1, _PASSWORD),
    0x14: (_DIGITS_2007 + 1, _DIGITS_2007 + _PASSWORD + _OPERATOR),
    0x18: (_DIGITS_2007 + 1, None),
    0x19: (1, _PASSWORD + _OPERATOR),
    0x1A: (1, _PASSWORD + _OPERATOR),
    0x1B: (1, _PASSWORD + _OPERATOR),
    0x1C: (1, _PASSWORD + _OPERATOR),
}
"""By function: which of a frame's data bytes are secret. The level of a password may be read."""

_SECRET_PARAMETERS = b"\x0c\x00\x04"
"""The identifiers 04000Cnn hold passwords: what is written there is covered too."""


def covered(data: bytes) -> bytes:
    """The same bytes with the secrets of every good frame covered; the very same object where there is none."""
    start = data.find(START)
    if start < 0:
        return data
    only = parse(data[start:])  # as a rule there is one frame to its end, and it carries no secret
    if only is not None and only.function not in _HIDDEN:
        return data
    shown = data
    for start, frame in frames(data):
        if (hidden := _covered(frame)) is not frame:
            raw = encode(hidden)
            shown = shown[:start] + raw + shown[start + len(raw) :]
    return shown


def only_frames(data: bytes) -> bytes:
    """What may be shown of bytes heard after a secret was said: good frames, covered; all else may be its echo."""
    shown = bytearray([COVER]) * len(data)
    for start, frame in frames(data):
        raw = encode(_covered(frame))
        shown[start : start + len(raw)] = raw
    return bytes(shown)


def _covered(frame: Frame) -> Frame:
    """The very same frame, when it holds no secret."""
    if frame.refused or frame.function not in _HIDDEN:
        return frame
    first, end = _HIDDEN[frame.function]
    if frame.function == 0x18 and frame.from_slave:
        first = 1  # the answer holds the new password and no identifier
    if frame.function == 0x14 and frame.data[1:4] == _SECRET_PARAMETERS:
        end = None
    end = min(len(frame.data), len(frame.data) if end is None else end)
    if end <= first:
        return frame
    data = frame.data[:first] + bytes([COVER]) * (end - first) + frame.data[end:]
    return Frame(frame.address, frame.control, data)
