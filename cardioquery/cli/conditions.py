"""`cardioquery conditions add|import|list|show|remove`."""

from typing import Annotated

import typer
from pydantic import TypeAdapter, ValidationError
from rich.text import Text

from api_schemas import Condition, ReadCondition
from cardioquery.cli.exits import ExitCode, fail, failures_as_exit_codes
from cardioquery.cli.options import AsJson, TimeoutSeconds, Url
from cardioquery.cli.tables import condition_view, conditions_table, output, reading_view
from cardioquery.client import Client
from cardioquery.client.options import DEFAULT_TIMEOUT_S, DEFAULT_URL

conditions_app = typer.Typer(
    help="Register, list and remove conditions.", no_args_is_help=True, rich_markup_mode=None
)

ConditionId = Annotated[str, typer.Argument(help="The condition's id.", show_default=False)]


def _codes(stated: list[str]) -> list[tuple[str, str]]:
    """Pairs from "http://snomed.info/sct=14140009"; the code stands after the last "="."""
    pairs = [text.rpartition("=") for text in stated]
    if any(not system or not code for system, _, code in pairs):
        raise typer.BadParameter("has to be SYSTEM=CODE", param_hint="--code")
    return [(system, code) for system, _, code in pairs]


@conditions_app.command("add")
def add(
    text: Annotated[str, typer.Argument(help="What is asked of the model.", show_default=False)],
    name: Annotated[str | None, typer.Option("--name", help="A short name.")] = None,
    synonym: Annotated[
        list[str] | None, typer.Option("--synonym", help="Another wording; repeat it for more.")
    ] = None,
    code: Annotated[
        list[str] | None, typer.Option("--code", help="SYSTEM=CODE; repeat it for more.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say how the text is read; store nothing.")
    ] = False,
    url: Url = DEFAULT_URL,
    timeout_s: TimeoutSeconds = DEFAULT_TIMEOUT_S,
    as_json: AsJson = False,
) -> None:
    """Register a condition: from now on every diagnosis without queries asks for it too."""
    codes = _codes(code or [])
    with failures_as_exit_codes(), Client(url, timeout_s=timeout_s) as client:
        if dry_run:
            _show_reading(client.read_condition(text), as_json=as_json)
            return
        condition = client.add_condition(text, name=name, synonyms=synonym or (), codes=codes)
        _show(condition, as_json=as_json)


@conditions_app.command("import")
def import_all(
    file: Annotated[
        typer.FileBinaryRead,
        typer.Argument(help="What `list --added --json` wrote; `-`: standard input."),
    ],
    url: Url = DEFAULT_URL,
    timeout_s: TimeoutSeconds = DEFAULT_TIMEOUT_S,
) -> None:
    """Register the conditions of another service; those that are there already stay."""
    try:
        listed = TypeAdapter(list[Condition]).validate_json(file.read())
    except ValidationError:
        raise fail("not what `conditions list --json` writes", ExitCode.USAGE) from None
    added = [condition for condition in listed if not condition.built_in]
    with failures_as_exit_codes(), Client(url, timeout_s=timeout_s) as client:
        for each in added:
            codes = [(coding.system, coding.code) for coding in each.codes]
            client.add_condition(each.text, name=each.name, synonyms=each.synonyms, codes=codes)
    output().print(Text(f"{len(added)} conditions are registered"))


@conditions_app.command("list")
def list_all(
    added: Annotated[bool, typer.Option("--added", help="Leave out the built-in ones.")] = False,
    url: Url = DEFAULT_URL,
    timeout_s: TimeoutSeconds = DEFAULT_TIMEOUT_S,
    as_json: AsJson = False,
) -> None:
    """List all registered conditions."""
    with failures_as_exit_codes(), Client(url, timeout_s=timeout_s) as client:
        found = [known for known in client.conditions() if not (added and known.built_in)]
        if as_json:
            typer.echo(TypeAdapter(list[Condition]).dump_json(found, indent=2).decode())
        else:
            output().print(conditions_table(found))


@conditions_app.command("show")
def show(
    condition_id: ConditionId,
    url: Url = DEFAULT_URL,
    timeout_s: TimeoutSeconds = DEFAULT_TIMEOUT_S,
    as_json: AsJson = False,
) -> None:
    """Show one condition."""
    with failures_as_exit_codes(), Client(url, timeout_s=timeout_s) as client:
        _show(client.condition(condition_id), as_json=as_json)


@conditions_app.command("remove")
def remove(
    condition_id: ConditionId,
    url: Url = DEFAULT_URL,
    timeout_s: TimeoutSeconds = DEFAULT_TIMEOUT_S,
) -> None:
    """Remove a registered condition; those of the catalogue stay."""
    with failures_as_exit_codes(), Client(url, timeout_s=timeout_s) as client:
        client.remove_condition(condition_id)
    output().print(Text("removed"))


def _show(condition: Condition, *, as_json: bool) -> None:
    if as_json:
        typer.echo(condition.model_dump_json(indent=2))
    else:
        output().print(condition_view(condition))


def _show_reading(read: ReadCondition, *, as_json: bool) -> None:
    if as_json:
        typer.echo(read.model_dump_json(indent=2))
    else:
        output().print(reading_view(read))
