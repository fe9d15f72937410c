"""Typed settings of every file in config/, and the check that names all their faults at once."""

from gateway.settings.fault import Fault, SettingsError
from gateway.settings.load import check, load

__all__ = ["Fault", "SettingsError", "check", "load"]
