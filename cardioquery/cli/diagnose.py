"""`cardioquery diagnose`."""

from pathlib import Path
from typing import Annotated

import typer

from api_schemas import Diagnosis
from cardioquery.cli.exits import failures_as_exit_codes
from cardioquery.cli.local import diagnose_locally
from cardioquery.cli.options import AsJson, TimeoutSeconds, Url
from cardioquery.cli.tables import diagnosis_view, output
from cardioquery.client import Client
from cardioquery.client.options import DEFAULT_TIMEOUT_S, DEFAULT_URL, DiagnosisOptions

Files = Annotated[
    list[Path],
    typer.Argument(
        help="The files of one recording: a WFDB header (its signal file is found beside it), a "
        ".zip of a pair, or a .csv.",
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
SamplingRateHz = Annotated[
    float | None, typer.Option("--sampling-rate-hz", help="For a CSV without a time column.")
]
Units = Annotated[
    str | None,
    typer.Option("--units", help="mV, uV or units per mV, for a CSV whose header does not say."),
]
LeadOrder = Annotated[
    str | None,
    typer.Option("--lead-order", help="Lead names, with commas, for a CSV without a header."),
]
AllowMissingLeads = Annotated[
    bool, typer.Option("--allow-missing-leads", help="Score with the leads that are there.")
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
    with failures_as_exit_codes():
        if local:
            diagnosis = diagnose_locally(files, options)
        else:
            with Client(url, timeout_s=timeout_s) as client:
                diagnosis = client.diagnose(files, **options)
        _show(diagnosis, as_json=as_json)


def _show(diagnosis: Diagnosis, *, as_json: bool) -> None:
    if as_json:
        typer.echo(diagnosis.model_dump_json(indent=2))
        return
    console = output()
    console.print(diagnosis_view(diagnosis, ascii_only=console.options.ascii_only))
