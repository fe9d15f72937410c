"""`taiqu test`: runs rule cases, so that those who set limits can see what they do."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.cli.options import Json, Rules, counted, thresholds_of

if TYPE_CHECKING:
    from gateway.rule_cases import Case

Files = Annotated[list[Path], typer.Argument(help="TOML files of rule cases.")]


def cases(files: Files, rules: Rules = None, as_json: Json = False) -> None:
    """Run rule cases: series of readings, and what the rules must say about them.

    With --rules the cases are held to a site's own thresholds, where they bring none themselves: what a changed limit
    does to them is seen before it goes to the site. Exit status 1 when a case is not good.

    Example: taiqu test low-voltage.toml --rules config/rules.toml
    """
    import orjson

    from gateway.rule_cases import CaseError, agrees, read_cases, run_case

    thresholds = thresholds_of(rules)
    rows: list[tuple[Path, Case, list[str], bool]] = []
    try:
        for path in files:
            for case in read_cases(path, thresholds):
                said = run_case(case)
                rows.append((path, case, said, agrees(case.events, said, case.interval_s)))
    except CaseError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from error
    bad = [row for row in rows if not row[3]]
    if as_json:
        told = [
            {"file": str(path), "title": case.title, "good": good, "wanted": case.events, "said": said}
            for path, case, said, good in rows
        ]
        typer.echo(orjson.dumps({"good": not bad, "cases": told}).decode())
    else:
        for path, case, said, _ in bad:
            typer.echo(f"{path}: {case.title}")
            typer.echo(f"    wanted: {', '.join(case.events) or 'nothing'}")
            typer.echo(f"    said:   {', '.join(said) or 'nothing'}")
        typer.echo(f"{len(rows) - len(bad)} of {counted(len(rows), 'case')} {'is' if len(rows) == 1 else 'are'} good.")
    if bad:
        raise typer.Exit(1)
