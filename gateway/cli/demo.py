"""`taiqu demo`: a transformer area, seven faults, and what the gateway makes of them, in two minutes."""

from typing import Annotated

import typer

from gateway.cli.options import Json


def demo(
    keep: Annotated[bool, typer.Option("--keep", help="Go on until Ctrl-C.")] = False,
    plain: Annotated[bool, typer.Option("--plain", help="Lines instead of the live view, also in a terminal.")] = False,
    as_json: Json = False,
) -> None:
    """Run the real gateway on a simulated area, let faults happen, and show what it finds. Takes about two minutes.

    Exit status 1 when a fault was missed or misplaced, or one was made up. Example: taiqu demo
    """
    import asyncio

    from gateway.console import console
    from gateway.simulate import view
    from gateway.simulate.demo import play

    terminal = console(stderr=as_json)
    plain = plain or as_json or not terminal.is_terminal
    try:
        result = asyncio.run(play(terminal, keep=keep, plain=plain))
    except (LookupError, RuntimeError, OSError) as error:
        typer.echo(f"The demo cannot run: {error}", err=True)
        raise typer.Exit(2) from error
    if result is None:
        typer.echo("Interrupted; everything that was started has ended.", err=True)
        raise typer.Exit(2)
    terminal.print(view.verdict(result))
    terminal.print(view.summary(result))
    if as_json:
        import orjson

        typer.echo(orjson.dumps(view.as_json(result)))
    if not result.good:
        raise typer.Exit(1)
