"""The command's subcommands, put together."""

from importlib.metadata import version
from typing import Annotated

import typer

from cardioquery.cli.conditions import conditions_app
from cardioquery.cli.convert import convert
from cardioquery.cli.diagnose import diagnose
from cardioquery.cli.exits import EXIT_CODES_HELP
from cardioquery.cli.inspect import inspect
from cardioquery.cli.keys import keys_app
from cardioquery.cli.model import model
from cardioquery.cli.serve import serve

app = typer.Typer(
    name="cardioquery",
    help="Zero-shot 12-lead ECG diagnosis by free-text queries. Research use only; not a medical "
    "device.",
    epilog=EXIT_CODES_HELP,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command()(serve)
app.command()(diagnose)
app.command()(inspect)
app.command()(convert)
app.add_typer(conditions_app, name="conditions")
app.command()(model)
app.add_typer(keys_app, name="keys")


def _print_version(asked: bool) -> None:
    if asked:
        typer.echo(version("cardioquery"))
        raise typer.Exit


@app.callback()
def _root(
    _version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    pass


def main() -> None:
    """The command `cardioquery`."""
    app()
