"""rules.toml: the thresholds that a site sets otherwise than the standards."""

from gateway.settings.fault import Fault
from gateway.settings.toml_file import TomlFile
from rules import thresholds

Thresholds = dict[str, dict[str, float]]


def read(file: TomlFile) -> tuple[Thresholds, list[Fault]]:
    """What the file sets, by rule, and its faults. Only what differs from the defaults need stand in it."""
    if file.faults:
        return {}, list(file.faults)
    wrong = thresholds.faults(file.table)
    return ({} if wrong else file.table), [
        file.fault((rule, key) if key else (rule,), says) for rule, key, says in wrong
    ]
