"""`python -m cardioquery.demo [FILE…]`: a server, a synthetic recording, and an unseen condition.

Files given are diagnosed as well, as one recording.
"""

import sys
from collections.abc import Sequence

from rich.console import Console
from rich.rule import Rule
from rich.text import Text

from api_schemas import Condition, Diagnosis
from cardioquery.cli.exits import failures_as_exit_codes
from cardioquery.cli.tables import condition_view, diagnosis_view
from cardioquery.client import Client
from cardioquery.client.files import RecordingFiles
from cardioquery.demo.server import running_server
from cardioquery.demo.simulator import Simulation, csv_of, simulate

QUERIES = (
    "atrial fibrillation",
    "normal sinus rhythm",
    "LBBB",
    "Vorderwandinfarkt",
    "no atrial fibrillation",
)
UNSEEN_CONDITION = "hyperkalaemia with peaked T waves"
TOP_K = 10
SYNTHETIC_NOTE = (
    "(A synthetic recording shows that the service works, not how well the model does.)"
)


def main(files: Sequence[str]) -> None:
    """Run the demo."""
    console = Console(highlight=False)
    simulation = Simulation(rhythm="atrial-fibrillation", heart_rate_bpm=105.0, seed=7)
    synthetic = ("synthetic.csv", csv_of(simulate(simulation)))
    with failures_as_exit_codes():
        console.print(Text("Starting a server on a free port ..."))
        with running_server() as (url, _), Client(url) as client:
            title = "Synthetic recording: simulated atrial fibrillation at 105 beats a minute"
            _diagnose(console, client, title, synthetic, QUERIES)
            console.print(Text(SYNTHETIC_NOTE))
            if files:
                _diagnose(console, client, "The recording given", list(files), QUERIES)
            console.print(Rule("A condition that the model never saw"))
            condition = client.add_condition(UNSEEN_CONDITION)
            console.print(condition_view(condition))
            _rank_all(console, client, synthetic, condition)
        console.print(Text("Server stopped."))


def _diagnose(
    console: Console,
    client: Client,
    title: str,
    recording: RecordingFiles,
    queries: Sequence[str],
) -> None:
    console.print(Rule(title))
    _show(console, client.diagnose(recording, queries=queries))


def _rank_all(
    console: Console, client: Client, recording: RecordingFiles, condition: Condition
) -> None:
    """Without queries every registered condition is asked for, the new one too."""
    console.print(Rule(f"All registered conditions: the first {TOP_K}, and the new one"))
    diagnosis = client.diagnose(recording)
    shown = [
        finding
        for finding in diagnosis.findings
        if (finding.rank or TOP_K + 1) <= TOP_K or finding.condition_id == condition.id
    ]
    _show(console, diagnosis.model_copy(update={"findings": shown}), asked=False)


def _show(console: Console, diagnosis: Diagnosis, *, asked: bool = True) -> None:
    view = diagnosis_view(diagnosis, ascii_only=console.options.ascii_only, asked=asked)
    console.print(view)


if __name__ == "__main__":
    main(sys.argv[1:])
