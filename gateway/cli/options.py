"""Options that several verbs share, said the same way everywhere."""

from pathlib import Path
from typing import Annotated

import typer

Config = Annotated[Path, typer.Option("--config", "-c", help="The gateway.toml of the site.")]
Json = Annotated[bool, typer.Option("--json", help="For programs: JSON on standard output.")]
