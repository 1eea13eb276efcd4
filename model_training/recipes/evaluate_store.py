"""A trained run on the store of any release: its own labels, and the benchmark's sets.

python -m model_training.recipes.evaluate_store --config RUN.yaml --shared ../shared/data \
    --store stores/cpsc2018 [--benchmark ../shared/data/zero-shot-benchmark]

Writes `results/stores/<store>.json` of the run, and prints it. The store must have been prepared
with the run's preprocessing (`prepare --config`). Each figure says how many recordings it is of.
"""

import argparse
import json
import sys
from pathlib import Path

from ecg_core.files import whole_file
from model_training.data.store import StoreError
from model_training.evaluation.stores import evaluate_store
from model_training.run.config import add_run_arguments, run_from
from model_training.run.provenance import WrongRun, read_provenance
from model_training.run.results import results_folder
from model_training.run.workbench import restored_workbench


def main() -> int:
    """Score a store; the status is 2 if it cannot be."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_run_arguments(parser)
    parser.add_argument("--store", type=Path, required=True, help="folder of a finished store")
    parser.add_argument("--benchmark", type=Path, help="folder of the zero-shot benchmark")
    arguments = parser.parse_args()
    run = run_from(arguments)
    try:
        bench = restored_workbench(run)
        found = evaluate_store(bench, arguments.store, arguments.benchmark)
    except (StoreError, WrongRun, FileNotFoundError, ValueError) as error:
        print(error, file=sys.stderr)
        return 2
    origin = read_provenance(run.folder)
    found["run"] = None if origin is None else origin.model_dump(mode="json")
    text = json.dumps(found, indent=2) + "\n"
    folder = results_folder(run) / "stores"
    folder.mkdir(parents=True, exist_ok=True)
    with whole_file(folder / f"{arguments.store.resolve().name}.json") as stream:
        stream.write(text.encode())
    print(text, end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
