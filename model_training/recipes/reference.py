"""Reference distributions of fold 9 for the model card. Writes `reference.json` of the run."""

from model_training.evaluation.reference import reference
from model_training.run.config import read_run
from model_training.run.workbench import restored_workbench


def main() -> None:
    """Write the reference of a calibrated run."""
    bench = restored_workbench(read_run(__doc__))
    bench.reference_file.write_text(reference(bench).model_dump_json(indent=2) + "\n")


if __name__ == "__main__":
    main()
