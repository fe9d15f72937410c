"""Profiles: those of the product and those that the site adds in a folder of its own."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from drivers.api import Driver, Profile
from drivers.profile import ProfileError, product_profiles, prove, read_profile
from drivers.registry import driver
from gateway.catalog import catalog
from gateway.settings.fault import Fault
from gateway.settings.shape import closest
from gateway.settings.toml_file import TomlFile, read_toml


@dataclass(frozen=True, slots=True)
class Profiles:
    """What devices.csv may name: good profiles, and the names of those whose own faults are reported already."""

    good: dict[str, Profile]
    faulty: frozenset[str]


def read_profiles(folder: Path) -> tuple[Profiles, list[Fault]]:
    """All profiles by name. The site's folder need not exist."""
    shipped = product_profiles()
    good = {name: read_profile(name, text) for name, text in shipped.items()}
    faulty: set[str] = set()
    faults: list[Fault] = []
    for path in sorted(folder.glob("*.toml")) if folder.is_dir() else ():
        name = path.stem
        if name in shipped:
            faults.append(Fault(path, 0, "", f"{name!r} is a profile of the product. Give the file another name."))
            continue
        profile, own = _read_site_profile(name, path)
        faults += own
        if profile is None:
            faulty.add(name)
        else:
            good[name] = profile
    return Profiles(good, frozenset(faulty)), faults


def _read_site_profile(name: str, path: Path) -> tuple[Profile | None, list[Fault]]:
    file = read_toml(path)
    if file.faults:
        return None, list(file.faults)
    try:
        profile = read_profile(name, path.read_text(encoding="utf-8-sig"))
    except ProfileError as error:
        return None, [file.fault(fault.path, f"{fault.says}.") for fault in error.faults]
    try:
        speaks = driver(profile.protocol)
    except LookupError as error:
        return None, [file.fault(("protocol",), f"{error}.")]
    faults = [*_driver_faults(file, profile, speaks), *_catalog_faults(file, profile)]
    if not faults:
        faults += _vector_faults(file, profile, speaks)
    return (profile if not faults else None), faults


def _driver_faults(file: TomlFile, profile: Profile, speaks: Driver) -> Iterator[Fault]:
    for says in speaks.check(profile):
        about, _, what = says.partition(": ")
        if about == "line":
            yield file.fault(("line",), f"{what}.")
        elif about in profile.points or about in profile.options:
            yield file.fault(("points", about) if about in profile.points else (about,), f"{what}.")
        else:
            yield file.fault(("points",), f"{says}.")


def _catalog_faults(file: TomlFile, profile: Profile) -> Iterator[Fault]:
    known = catalog()
    for name, point in profile.points.items():
        if name not in known:
            yield file.fault(("points", name), f"is no point of the catalogue; {closest(name, list(known))}")
        elif point.unit != known[name].unit:
            yield file.fault(
                ("points", name, "unit"),
                f"is {point.unit!r}, but {name} is in {known[name].unit!r}. Set scale so that it is.",
            )


def _vector_faults(file: TomlFile, profile: Profile, speaks: Driver) -> Iterator[Fault]:
    if not profile.vectors:
        yield file.fault(("vectors",), "the profile proves nothing. Add a [[vectors]] with a reply of the real device.")
    for index, vector in enumerate(profile.vectors):
        if says := prove(speaks, profile, vector):
            yield file.fault(("vectors", index), f"does not prove the profile: {says}.")
