"""Options that several subcommands share."""

from typing import Annotated

import typer

Url = Annotated[str, typer.Option("--url", envvar="CARDIOQUERY_URL", help="Where the service is.")]
TimeoutSeconds = Annotated[
    float, typer.Option("--timeout-s", min=0.1, help="Longest wait for an answer, in seconds.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the answer as JSON.")]
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
