"""`cardioquery inspect`."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from cardioquery.cli.exits import ExitCode, failures_as_exit_codes
from cardioquery.cli.options import AsJson, LeadOrder, SamplingRateHz, Units
from cardioquery.cli.reading import read_here, refusals_as_exit_codes, stated_facts, told
from cardioquery.cli.tables import facts_view, output
from ecg_core.errors import InputError
from ecg_core.quality import check_recording
from ecg_core.recording import Recording

Files = Annotated[
    list[Path],
    typer.Argument(
        help="The files of one recording, in any format that is read; - is standard input.",
        show_default=False,
    ),
]


def inspect(
    files: Files,
    sampling_rate_hz: SamplingRateHz = None,
    units: Units = None,
    lead_order: LeadOrder = None,
    as_json: AsJson = False,
) -> None:
    """Show what is read from a recording, here and without a model."""
    with failures_as_exit_codes(), refusals_as_exit_codes():
        recording = read_here(files, stated_facts(sampling_rate_hz, units, lead_order))
        found = inspected(recording)
        if as_json:
            typer.echo(json.dumps(asdict(found), indent=2))
        else:
            show(found)
        if found.faults:
            raise typer.Exit(ExitCode.REFUSED)


@dataclass(frozen=True, slots=True)
class Inspection:
    """What is known of a recording; nothing of the patient is.

    Attributes:
        format: Which reader read it.
        leads: Standard names.
        sampling_rate_hz: Samples a second.
        duration_s: Length in seconds.
        ranges_mv: Least and largest sample of each lead in millivolts, where all are finite.
        warnings: What was left out, and what is imperfect.
        faults: Why it would not be scored, if so.
    """

    format: str
    leads: tuple[str, ...]
    sampling_rate_hz: float
    duration_s: float
    ranges_mv: dict[str, tuple[float, float]]
    warnings: list[str]
    faults: list[str]


def inspected(recording: Recording) -> Inspection:
    """What the quality check says of a recording, and what its reader noticed."""
    warnings = [told(note.code, None, note.detail) for note in recording.notes]
    faults: list[str] = []
    try:
        report = check_recording(recording)
    except InputError as error:
        faults = [told(fault.code, fault.lead, fault.detail) for fault in error.faults]
    else:
        warnings += [told(one.code, one.lead, one.detail) for one in report.warnings]
    return Inspection(
        recording.format,
        recording.leads,
        recording.sampling_rate_hz,
        recording.duration_s,
        _ranges_mv(recording),
        list(dict.fromkeys(warnings)),
        faults,
    )


def show(found: Inspection) -> None:
    """Print it for people."""
    facts = {
        "format": found.format,
        "rate": f"{found.sampling_rate_hz:.8g} Hz",
        "length": f"{found.duration_s:g} s",
        "leads": ", ".join(found.leads),
    }
    facts |= {
        lead: f"{least:+.3f} to {largest:+.3f} mV"
        for lead, (least, largest) in found.ranges_mv.items()
    }
    output().print(
        facts_view(facts, {"Warnings": found.warnings, "Not to be scored": found.faults})
    )


def _ranges_mv(recording: Recording) -> dict[str, tuple[float, float]]:
    pairs = zip(recording.leads, recording.samples_mv, strict=True)
    return {
        lead: (float(samples_mv.min()), float(samples_mv.max()))
        for lead, samples_mv in pairs
        if samples_mv.size and np.isfinite(samples_mv).all()
    }
