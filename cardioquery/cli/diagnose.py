"""`cardioquery diagnose`."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from pydantic import JsonValue

from api_schemas import Diagnosis
from cardioquery.cli.exits import failures_as_exit_codes
from cardioquery.cli.local import diagnose_locally, diagnose_locally_as_fhir
from cardioquery.cli.options import (
    AsJson,
    LeadOrder,
    SamplingRateHz,
    TimeoutSeconds,
    Units,
    Url,
)
from cardioquery.cli.reading import given_files
from cardioquery.cli.tables import diagnosis_view, output
from cardioquery.client import Client, calls
from cardioquery.client.files import RecordingFile
from cardioquery.client.options import DEFAULT_TIMEOUT_S, DEFAULT_URL, DiagnosisOptions

Files = Annotated[
    list[Path],
    typer.Argument(
        help="The files of one recording: a WFDB header (its signal file is found beside it), a "
        ".zip of a pair, or one file of any other format that is read; - is standard input.",
        show_default=False,
    ),
]
Queries = Annotated[
    list[str] | None,
    typer.Option(
        "--query",
        "-q",
        help="A condition in your own words; repeat it for more. None: every registered one.",
    ),
]
TopK = Annotated[int | None, typer.Option("--top-k", help="Show only the k most probable.")]
AllowMissingLeads = Annotated[
    bool, typer.Option("--allow-missing-leads", help="Score with the leads that are there.")
]
AsFhir = Annotated[bool, typer.Option("--fhir", help="Print the answer as a FHIR R4 bundle.")]
Subject = Annotated[
    str | None, typer.Option("--fhir-subject", help="Whose it is, such as Patient/ID; with --fhir.")
]
Encounter = Annotated[
    str | None, typer.Option("--fhir-encounter", help="Such as Encounter/ID; with --fhir.")
]
Effective = Annotated[
    str | None,
    typer.Option("--fhir-effective", help="When it was recorded, with its zone; with --fhir."),
]
Local = Annotated[bool, typer.Option("--local", help="Compute here, without a server.")]


def diagnose(
    files: Files,
    query: Queries = None,
    top_k: TopK = None,
    sampling_rate_hz: SamplingRateHz = None,
    units: Units = None,
    lead_order: LeadOrder = None,
    allow_missing_leads: AllowMissingLeads = False,
    local: Local = False,
    url: Url = DEFAULT_URL,
    timeout_s: TimeoutSeconds = DEFAULT_TIMEOUT_S,
    as_json: AsJson = False,
    as_fhir: AsFhir = False,
    fhir_subject: Subject = None,
    fhir_encounter: Encounter = None,
    fhir_effective: Effective = None,
) -> None:
    """Rank conditions by their probability on one recording."""
    options: DiagnosisOptions = {
        "queries": query or (),
        "top_k": top_k,
        "sampling_rate_hz": sampling_rate_hz,
        "units": units,
        "lead_order": None if lead_order is None else lead_order.split(","),
        "allow_missing_leads": allow_missing_leads,
    }
    said = (fhir_subject, fhir_encounter, fhir_effective)
    if not as_fhir and any(value is not None for value in said):
        raise typer.BadParameter("--fhir-subject, -encounter and -effective need --fhir")
    with failures_as_exit_codes():
        if as_fhir:
            bundle = _fhir_bundle(
                given_files(files), options, said, None if local else url, timeout_s
            )
            typer.echo(json.dumps(bundle, indent=2))
        elif local:
            found = diagnose_locally(calls.diagnose(given_files(files), **options))
            _show(found, as_json=as_json, asked=bool(query))
        else:
            with Client(url, timeout_s=timeout_s) as client:
                found = client.diagnose(given_files(files), **options)
            _show(found, as_json=as_json, asked=bool(query))


def _fhir_bundle(
    files: Sequence[RecordingFile],
    options: DiagnosisOptions,
    said: tuple[str | None, str | None, str | None],
    url: str | None,
    timeout_s: float,
) -> dict[str, JsonValue]:
    """The bundle of the service at the URL; without one, of the engine in this process."""
    if url is None:
        call = calls.diagnose_fhir(calls.diagnose(files, **options), *said)
        return diagnose_locally_as_fhir(call)
    subject, encounter, effective = said
    with Client(url, timeout_s=timeout_s) as client:
        return client.diagnose_fhir(
            files, subject=subject, encounter=encounter, effective=effective, **options
        )


def _show(diagnosis: Diagnosis, *, as_json: bool, asked: bool) -> None:
    if as_json:
        typer.echo(diagnosis.model_dump_json(indent=2))
        return
    console = output()
    view = diagnosis_view(diagnosis, ascii_only=console.options.ascii_only, asked=asked)
    console.print(view)
