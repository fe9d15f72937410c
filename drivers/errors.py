"""Errors of the drivers, named after what the caller should do."""


class DriverError(Exception):
    """The family; never raised itself."""


class BadReplyError(DriverError):
    """An answer that breaks the protocol. Asking again may help."""


class BusyError(BadReplyError):
    """The device is there and wants to be asked again in a moment."""


class RefusedError(DriverError):
    """The device said 'no' in good form. Asking again will not help.

    `where` names, in the driver's own notation, what was refused. The caller keeps it and hands it back as
    `refused` when it next converses with the same device, so that nothing is asked twice.
    """

    def __init__(self, code: int, meaning: str, where: str = "") -> None:
        super().__init__(f"device refused{f' {where}' if where else ''}: {meaning} (0x{code:02X})")
        self.code = code
        self.meaning = meaning
        self.where = where


class DeviceSilentError(RefusedError):
    """Something on the way to the device answered in its place: the device itself is silent."""


class NoWayError(DeviceSilentError):
    """Something on the way answered that it cannot get at the device: of the device itself nothing is known."""


class RequestError(DriverError):
    """The request cannot be made: a wrong address, point or value. Tell a human."""
