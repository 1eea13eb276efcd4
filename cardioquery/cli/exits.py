"""Exit codes: one place where errors become exit codes and lines on standard error."""

from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum

import typer
from rich.console import Console
from rich.text import Text

from cardioquery.cli.text import printable
from cardioquery.client import (
    CardioQueryError,
    InvalidServiceUrl,
    RecordingFileError,
    RequestTimedOut,
    ServiceBusy,
    ServiceFailed,
    ServiceProblem,
    ServiceUnreachable,
    UnexpectedAnswer,
)


class ExitCode(IntEnum):
    """Exit codes of every subcommand. Part of the command's contract: never renumbered."""

    OK = 0
    UNEXPECTED = 1
    USAGE = 2
    REFUSED = 3
    UNREACHABLE = 4
    SERVICE_FAILED = 5
    CANNOT_START = 6


EXIT_CODES_HELP = (
    "Exit codes: 0 done; 2 wrong usage; 3 the input was refused; 4 the service is not there or "
    "does not answer in time; 5 the service is busy or failed; 6 `serve` cannot start."
)

_CODES: dict[type[CardioQueryError], ExitCode] = {
    RecordingFileError: ExitCode.USAGE,
    InvalidServiceUrl: ExitCode.USAGE,
    ServiceUnreachable: ExitCode.UNREACHABLE,
    RequestTimedOut: ExitCode.UNREACHABLE,
    UnexpectedAnswer: ExitCode.SERVICE_FAILED,
    ServiceBusy: ExitCode.SERVICE_FAILED,
    ServiceFailed: ExitCode.SERVICE_FAILED,
    ServiceProblem: ExitCode.REFUSED,
    CardioQueryError: ExitCode.UNEXPECTED,
}


def stderr() -> Console:
    """A console on standard error; made anew, since tests exchange the stream."""
    return Console(stderr=True, highlight=False)


def fail(message: str, code: ExitCode) -> typer.Exit:
    """Say what is wrong and give the exception that ends the command."""
    console = stderr()
    console.print(Text("error: ", "bold red") + Text(printable(message)), soft_wrap=True)
    return typer.Exit(code)


@contextmanager
def failures_as_exit_codes() -> Iterator[None]:
    """Turn the client's errors into a message and an exit code."""
    try:
        yield
    except CardioQueryError as error:
        code = next(_CODES[base] for base in type(error).__mro__ if base in _CODES)
        raise fail(_with_request_id(error), code) from None


def _with_request_id(error: CardioQueryError) -> str:
    if isinstance(error, ServiceProblem):
        return f"{error}\n  request id: {error.problem.request_id}"
    return str(error)
