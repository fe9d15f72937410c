"""Answers that came in several frames, put together again by who only listens: the master's requests may be missing."""

from drivers.dlt645.frame import READ, READ_1997, READ_NEXT, READ_NEXT_1997, Frame


class Letters:
    """Puts answers that came in several frames together again."""

    def __init__(self) -> None:
        self._begun: dict[tuple[str, bytes], list[bytes]] = {}  # by address and identifier: the parts so far

    def whole(self, frame: Frame) -> tuple[bytes, int] | None:
        """The data of all parts and how many there were, when this frame is the last of them."""
        following = {READ_NEXT: 4, READ_NEXT_1997: 2}.get(frame.function)
        size = following or {READ: 4, READ_1997: 2}.get(frame.function, 0)
        if not size or not frame.from_slave or frame.refused or len(frame.data) <= size:
            return None
        key, data = (frame.address, frame.data[:size]), frame.data[size:]
        if following is None:
            self._begun.pop(key, None)
            if frame.more:
                self._begun[key] = [data]
            return None
        parts = self._begun.get(key)
        if parts is None:
            return None
        if size == 2:
            parts.append(data)
        elif data[-1] <= len(parts):  # counted, and this one may be there twice
            parts[data[-1] :] = [data[:-1]]
        else:
            del self._begun[key]  # one is missing
            return None
        return None if frame.more else (b"".join(self._begun.pop(key)), len(parts))
