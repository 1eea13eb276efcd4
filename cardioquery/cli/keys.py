"""`cardioquery keys create|list|revoke`: the file of API keys, without a server."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError
from rich.text import Text

from cardioquery.cli.exits import ExitCode, fail, stderr
from cardioquery.cli.options import AsJson
from cardioquery.cli.tables import keys_table, output
from service.access.key_file import KeyRecord, KeyRing, editing, read_key_ring
from service.access.keys import PlainKey, Scope, new_key
from service.access.last_uses import last_uses
from service.errors import AccessMisconfigured

DEFAULT_DAYS = 365

keys_app = typer.Typer(
    help="Make, list and revoke API keys.", no_args_is_help=True, rich_markup_mode=None
)

File = Annotated[
    Path,
    typer.Option(
        "--file",
        envvar="CARDIOQUERY_API_KEYS_FILE",
        help="The file of keys, as the service has it.",
        show_default=False,
        dir_okay=False,
    ),
]


@keys_app.command("create")
def create(
    name: Annotated[
        str, typer.Argument(help="Who will hold it, such as a system.", show_default=False)
    ],
    file: File,
    scope: Annotated[
        list[Scope] | None, typer.Option("--scope", help="What it is good for; repeat it for more.")
    ] = None,
    expires_in_days: Annotated[
        int, typer.Option("--expires-in-days", min=1, max=36500, help="From now on.")
    ] = DEFAULT_DAYS,
    never_expires: Annotated[
        bool, typer.Option("--never-expires", help="Good until it is revoked.")
    ] = False,
    rate_limit: Annotated[
        str | None, typer.Option("--rate-limit", help='Its own limit, such as "600/minute".')
    ] = None,
) -> None:
    """Make a key. It is printed once, on standard output, and can never be shown again."""
    key = new_key()
    with _failures_as_exit_codes():
        now = datetime.now(UTC).replace(microsecond=0)
        record = KeyRecord(
            id=key.id,
            name=name,
            sha256=key.sha256,
            scopes=frozenset(scope or (Scope.DIAGNOSE,)),
            created_at=now,
            expires_at=None if never_expires else now + timedelta(days=expires_in_days),
            rate_limit=rate_limit,
        )
        _add(file, record)
    _show_once(key, record)


@keys_app.command("list")
def list_all(
    file: File,
    as_json: AsJson = False,
    audit_log: Annotated[
        Path | None,
        typer.Option(
            "--audit-log",
            help="File with the service's audit log: then each key's last use is told.",
            show_default=False,
            exists=True,
            dir_okay=False,
        ),
    ] = None,
) -> None:
    """List all keys: their ids, holders, scopes, whether they are good, and their last use."""
    with _failures_as_exit_codes():
        ring = read_key_ring(file)
        last_used = None if audit_log is None else last_uses(audit_log)
    if as_json:
        shown = ring.model_dump(mode="json", exclude={"keys": {"__all__": {"sha256"}}})
        if last_used is not None:
            for key in shown["keys"]:
                key["last_used_at"] = last_used.get(key["id"])
        typer.echo(json.dumps(shown, indent=2))
    else:
        output().print(keys_table(ring.keys, last_used))


@keys_app.command("revoke")
def revoke(
    key_id: Annotated[str, typer.Argument(help="The key's id.", show_default=False)], file: File
) -> None:
    """Take a key back, for good. Services that run notice within a second."""
    now = datetime.now(UTC).replace(microsecond=0)
    with _failures_as_exit_codes(), editing(file) as replace:
        ring = read_key_ring(file)
        if not any(record.id == key_id for record in ring.keys):
            raise fail(f"no key has the id {key_id}", ExitCode.USAGE)
        replace(KeyRing(keys=tuple(_revoked(record, key_id, now) for record in ring.keys)))
    output().print(Text("revoked"))


def _add(file: Path, record: KeyRecord) -> None:
    with editing(file) as replace:
        ring = read_key_ring(file) if file.exists() else KeyRing()
        replace(KeyRing(keys=(*ring.keys, record)))


def _revoked(record: KeyRecord, key_id: str, now: datetime) -> KeyRecord:
    if record.id != key_id or record.revoked_at is not None:
        return record
    return record.model_copy(update={"revoked_at": now})


def _show_once(key: PlainKey, record: KeyRecord) -> None:
    typer.echo(key.text)
    scopes = ", ".join(sorted(record.scopes))
    stderr().print(
        f"Key {record.id}, good for: {scopes}. Keep it now: it cannot be shown again.",
        soft_wrap=True,
    )


@contextmanager
def _failures_as_exit_codes() -> Iterator[None]:
    try:
        yield
    except ValidationError as error:
        faults = "; ".join(f"{fault['loc'][-1]}: {fault['msg']}" for fault in error.errors())
        raise fail(f"not valid: {faults}", ExitCode.USAGE) from None
    except AccessMisconfigured as error:
        raise fail(str(error), ExitCode.USAGE) from None
    except OSError as error:
        message = f"{error.filename}: {error.strerror}"
        raise fail(message, ExitCode.USAGE) from None
