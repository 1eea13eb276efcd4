"""Recordings that a subcommand reads by itself, without a service or a model."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from cardioquery.cli.exits import ExitCode, fail
from cardioquery.client.files import RecordingFile, recording_files
from ecg_core.errors import InputError
from ecg_core.leads import standard_lead_name
from ecg_core.plausibility import units_per_mv
from ecg_core.readers import StatedFacts, UploadedFile, read_recording
from ecg_core.recording import Recording

STANDARD_INPUT = "-"


def given_files(paths: Sequence[Path]) -> list[RecordingFile]:
    """The files as the client takes them; `-` is what comes in on standard input."""
    return [
        (STANDARD_INPUT, sys.stdin.buffer.read()) if str(path) == STANDARD_INPUT else path
        for path in paths
    ]


def stated_facts(
    sampling_rate_hz: float | None, units: str | None, lead_order: str | None
) -> StatedFacts:
    """What the command line says about a file that does not say it itself."""
    return StatedFacts(sampling_rate_hz, _stated_units(units), _stated_leads(lead_order))


def read_here(paths: Sequence[Path], stated: StatedFacts) -> Recording:
    """Read the one recording that these files are.

    Raises:
        RecordingFileError: A file is not there.
        InputError: It is refused.
    """
    files = recording_files(given_files(paths))
    return read_recording([UploadedFile(name, content) for name, content in files], stated)


@contextmanager
def refusals_as_exit_codes() -> Iterator[None]:
    """Turn the refusal of a recording into a line a fault, and an exit code."""
    try:
        yield
    except InputError as error:
        faults = [
            told(fault.code, fault.lead or fault.field, fault.detail) for fault in error.faults
        ]
        raise fail("\n  ".join(["the recording is refused", *faults]), ExitCode.REFUSED) from None


def told(code: str, about: str | None, detail: str) -> str:
    """A fault or a warning in one line, as the client tells those of a service."""
    return f"{code}{f' [{about}]' if about else ''}: {detail}"


def _stated_units(units: str | None) -> float | None:
    if units is None:
        return None
    try:
        return units_per_mv(units) or float(units)
    except ValueError:
        raise fail("--units is neither a unit nor a number", ExitCode.USAGE) from None


def _stated_leads(lead_order: str | None) -> tuple[str, ...] | None:
    if lead_order is None:
        return None
    leads = [standard_lead_name(name) for name in lead_order.split(",")]
    named = tuple(lead for lead in leads if lead is not None)
    if len(named) != len(leads):
        message = "--lead-order holds a name that is none of the twelve leads"
        raise fail(message, ExitCode.USAGE)
    return named
