"""Typed settings of every file in config/, and the check that names all their faults at once.

What reads files comes with pydantic, which weighs 13 MB: it is not loaded before somebody has files to read.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from gateway.settings.fault import Fault, SettingsError
from gateway.settings.models import Site

if TYPE_CHECKING:
    from gateway.settings.gateway_file import Address

__all__ = ["Fault", "SettingsError", "address", "check", "load"]


def load(path: Path) -> Site:
    """The whole site from its gateway.toml. Raises SettingsError with all faults."""
    site, faults = check(path)
    if site is None or faults:
        raise SettingsError(faults)
    return site


def address(path: Path) -> "Address":
    """Whom a gateway.toml names and where he is spoken to; its other tables, and other files, need not be there.

    Raises SettingsError with all faults of these two tables.
    """
    from gateway.settings.site_files import address

    found, faults = address(path)
    if found is None or faults:
        raise SettingsError(faults)
    return found


def check(path: Path) -> tuple[Site | None, Sequence[Fault]]:
    """The site, if it can be made, and every fault that was found on the way."""
    from gateway.settings.site_files import check

    return check(path)
