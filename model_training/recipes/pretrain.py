"""Supervised pre-training by text queries.

A fusion of tokens learns in phases of its own, see `token_training`. One of cross-attention learns
with its encoder (SuPreME, arXiv 2502.19668): every step asks all labelled conditions; the loss is
the binary cross-entropy over what is known. Writes each `branch_*.pt` of the former, `network.pt`,
where it comes from (`provenance.json`), and of each phase a CSV log and one for TensorBoard.
Killed, it goes on with `--resume`; `torchrun` starts it in several processes.
"""

import shutil

from model_training.fitting import Ranks, resolve_device, started_ranks
from model_training.run.config import Run, read_run
from model_training.run.pretraining import checkpoints, tensorboard
from model_training.run.token_training import train_network
from model_training.run.workbench import open_workbench


def pretrain(run: Run, ranks: Ranks) -> None:
    """Train, keep the weights, and take away what only an interrupted run needs."""
    if ranks.is_main and not run.resume:
        for earlier in (checkpoints(run), tensorboard(run)):
            shutil.rmtree(earlier, ignore_errors=True)
    ranks.wait()
    bench = open_workbench(run)
    network = train_network(bench)
    if ranks.is_main:
        bench.keep(network)
        shutil.rmtree(checkpoints(run))


def main() -> None:
    """Train as the arguments say, beside the other processes if `torchrun` started several."""
    run = read_run(__doc__, trains=True)
    with started_ranks(resolve_device(run.device)) as ranks:
        pretrain(run, ranks)


if __name__ == "__main__":
    main()
