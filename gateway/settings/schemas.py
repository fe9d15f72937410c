"""JSON Schemas of the TOML files, for editors and for config/*.schema.json."""

from collections.abc import Mapping
from typing import Any

from pydantic import TypeAdapter

from gateway.settings import area_file, gateway_file

_ADAPTERS: Mapping[str, TypeAdapter[Any]] = {"gateway": gateway_file.adapter, "area": area_file.adapter}


def schema(file: str) -> dict[str, Any]:
    """The schema of gateway.toml or area.toml."""
    return _ADAPTERS[file].json_schema()
