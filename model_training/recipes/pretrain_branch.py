"""One branch of a fusion of tokens, trained and kept for `pretrain --resume`.

Branches know nothing of each other: several cores train one each at the same time.
"""

import argparse

from model_training.run.config import add_run_arguments, run_from
from model_training.run.token_training import TokenPretraining
from model_training.run.workbench import open_workbench


def main() -> None:
    """Train the branch that the arguments name. Writes `branch_<number>.pt`."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_run_arguments(parser, trains=True)
    parser.add_argument("--branch", type=int, required=True, help="its number, from 1")
    arguments = parser.parse_args()
    TokenPretraining(open_workbench(run_from(arguments))).train_branch(arguments.branch - 1)


if __name__ == "__main__":
    main()
