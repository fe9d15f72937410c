"""`taiqu schema`: JSON Schemas of the config files, for editors."""

from enum import StrEnum
from typing import Annotated

import typer


class File(StrEnum):
    """The files that have a schema."""

    GATEWAY = "gateway"
    AREA = "area"


def schema(file: Annotated[File, typer.Argument(help="Which config file.")]) -> None:
    """Print the JSON Schema of a config file.

    Example: taiqu schema gateway > config/gateway.schema.json
    """
    import orjson

    from gateway.settings import schemas

    typer.echo(orjson.dumps(schemas.schema(file.value), option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS).decode())
