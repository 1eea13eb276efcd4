"""The results of a run: they lie in its folder, and are refused if they are another's."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ecg_core.files import whole_file
from model_training.run.config import Run
from model_training.run.provenance import (
    WrongRun,
    differences,
    read_provenance,
    write_provenance,
)

NAME = "results.json"


def results_folder(run: Run) -> Path:
    """Where a run's figures, report and plots lie."""
    return run.folder / "results"


def write_results(
    run: Run, results: Mapping[str, object], write_rest: Callable[[Path], None]
) -> None:
    """Write a run's figures, and where they come from, when all else was made.

    Args:
        run: A trained run.
        results: Its figures.
        write_rest: Writes report and plots into the folder.

    Raises:
        WrongRun: The run was not trained.
    """
    provenance = read_provenance(run.folder)
    if provenance is None:
        raise WrongRun(["the run was not trained"])
    folder = results_folder(run)
    folder.mkdir(parents=True, exist_ok=True)
    write_rest(folder)
    with whole_file(folder / NAME) as stream:
        stream.write((json.dumps(results, indent=2) + "\n").encode())
    write_provenance(provenance, folder)


def read_results(run: Run) -> dict[str, Any] | None:
    """The figures of a trained run; None where none were made.

    Raises:
        WrongRun: They are of other weights, labels, data or another configuration.
    """
    folder, trained = results_folder(run), read_provenance(run.folder)
    if not (folder / NAME).is_file():
        return None
    if trained is None:
        raise WrongRun(["the run was not trained"])
    if faults := differences("the results", read_provenance(folder), trained):
        raise WrongRun(faults)
    found: dict[str, Any] = json.loads((folder / NAME).read_text())
    return found
