"""`taiqu run`: the service."""

from pathlib import Path
from typing import Annotated

import typer

from gateway.cli.options import Config


def run(
    config: Config = Path("config/gateway.toml"),
    log_level: Annotated[str, typer.Option(help="DEBUG, INFO, WARNING or ERROR.")] = "INFO",
) -> None:
    """Run the gateway of a site until SIGTERM or Ctrl-C. Nothing starts on a faulty configuration.

    SIGHUP has it check the files and, when they are good, begin anew on them.

    Example: taiqu run --config /etc/taiqu-gateway/gateway.toml
    """
    from gateway import app, log, renewal
    from gateway.settings import SettingsError, load
    from gateway.store import StoreError

    try:
        log.start(log_level.upper())
    except ValueError:
        typer.echo(f"--log-level {log_level}: write DEBUG, INFO, WARNING or ERROR", err=True)
        raise typer.Exit(2) from None
    try:
        if app.serve(load(config), config):
            renewal.begin_anew()
    except (SettingsError, StoreError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from None
