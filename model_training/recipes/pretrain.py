"""Supervised pre-training by text queries (SuPreME, arXiv 2502.19668).

First each branch of the ECG encoder warms up under a classifier with fixed outputs: that costs a
third of a step, and is the reference to hold. Then encoder and fusion learn together: every step
asks all labelled conditions, each in one of its many wordings; the loss is the binary cross-entropy
over what is known. A fusion of tokens learns in phases of its own, see `token_training`. Writes
`fixed_outputs.pt` or each `branch_*.pt`, `network.pt`, where they come from (`provenance.json`),
and of each phase a CSV log and one for TensorBoard. Killed, it goes on with `--resume`; `torchrun`
starts it in several processes.
"""

import shutil

from model_training.fitting import Ranks, resolve_device, started_ranks
from model_training.models.fixed_outputs import FixedOutputs
from model_training.models.network import CardioQueryNetwork
from model_training.models.token_network import TokenNetwork
from model_training.run.config import Run, read_run
from model_training.run.pretraining import Pretraining, checkpoints, tensorboard
from model_training.run.token_training import TokenPretraining
from model_training.run.workbench import Workbench, open_workbench


def pretrain(run: Run, ranks: Ranks) -> None:
    """Train, keep the weights, and take away what only an interrupted run needs."""
    if ranks.is_main and not run.resume:
        for earlier in (checkpoints(run), tensorboard(run)):
            shutil.rmtree(earlier, ignore_errors=True)
    ranks.wait()
    bench = open_workbench(run)
    network, fixed = trained(bench, ranks)
    if ranks.is_main:
        bench.keep(network, fixed)
        shutil.rmtree(checkpoints(run))


def trained(
    bench: Workbench, ranks: Ranks
) -> tuple[CardioQueryNetwork | TokenNetwork, FixedOutputs | None]:
    """The run's network, as its configuration says, and its warm-up under fixed outputs, if any."""
    if isinstance(bench.network, TokenNetwork):
        return TokenPretraining(bench).train(), None
    pretraining = Pretraining(bench)
    if bench.run.config.warm_up is None:
        return pretraining.train_fusion(None), None
    fixed = pretraining.warm_up()
    if ranks.is_main:
        fixed.save(bench.fixed_file)
    return pretraining.train_fusion(fixed), fixed


def main() -> None:
    """Train as the arguments say, beside the other processes if `torchrun` started several."""
    run = read_run(__doc__, trains=True)
    with started_ranks(resolve_device(run.device)) as ranks:
        pretrain(run, ranks)


if __name__ == "__main__":
    main()
