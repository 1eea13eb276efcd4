"""Calibration on fold 9: from logits to probabilities. Writes `calibration.json`.

Of a network that takes a lead mask also what is said with leads missing, and of short and poor
recordings: `lead_sets.json`.
"""

from model_training.evaluation.calibration import calibrate
from model_training.evaluation.lead_sets import decide_lead_sets
from model_training.run.config import read_run
from model_training.run.workbench import Workbench, restored_workbench


def calibrate_run(bench: Workbench) -> None:
    """Write all that is calibrated."""
    calibration = calibrate(bench)
    bench.lead_sets_file.unlink(missing_ok=True)
    decided = decide_lead_sets(bench, calibration)
    if decided is not None:
        bench.lead_sets_file.write_text(decided.model_dump_json(indent=2) + "\n")
    bench.calibration_file.write_text(calibration.model_dump_json(indent=2) + "\n")


def main() -> None:
    """Calibrate a trained run."""
    calibrate_run(restored_workbench(read_run(__doc__)))


if __name__ == "__main__":
    main()
