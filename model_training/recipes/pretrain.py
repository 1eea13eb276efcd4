"""Supervised pre-training by text queries (SuPreME, arXiv 2502.19668).

First each branch of the ECG encoder warms up under a classifier with fixed outputs: that costs a
third of a step, and is the reference to hold. Then encoder and fusion learn together: every step
asks all labelled conditions, each in one of its many wordings; the loss is the binary cross-entropy
over what is known. Writes `fixed_outputs.pt`, `network.pt` and a CSV log of each phase.
"""

import torch
from torch import Tensor, nn

from model_training.augmentation import Augmentation
from model_training.data.ptbxl import TRAINING_FOLDS, VALIDATION_FOLD
from model_training.fitting import fit
from model_training.models.fixed_outputs import FixedOutputs
from model_training.models.fusion import ConditionOutputs, masked_binary_cross_entropy
from model_training.models.network import CardioQueryNetwork
from model_training.recipes.config import read_run
from model_training.recipes.workbench import Workbench, open_workbench
from model_training.wordings import TrainingWordings


class Pretraining:
    """The two phases on one workbench."""

    def __init__(self, bench: Workbench) -> None:
        self.bench = bench
        config = bench.run.config
        self.rows = bench.recordings.rows(*TRAINING_FOLDS)
        self.targets = bench.targets
        self.signs = torch.from_numpy(bench.measured)
        self.weights = torch.ones(self.targets.shape[1])
        if config.signs:
            self.weights[len(bench.conditions) :] = config.signs.weight
        self.windows = torch.from_numpy(bench.recordings.windows)
        self.validation = bench.windows(VALIDATION_FOLD)
        self.augment = Augmentation(
            config.augmentation,
            sampling_rate_hz=config.preprocessing.sampling_rate_hz,
            millivolts_per_unit=config.preprocessing.millivolts_per_unit,
        )

    def warm_up(self) -> FixedOutputs:
        """Each branch of the encoder under fixed outputs, for itself; then all side by side."""
        fixed = self.bench.fixed
        branches = list(fixed.encoder.get_submodule("branches").children())
        warmed = [self._warm_up(number, branch) for number, branch in enumerate(branches, start=1)]
        for branch, done in zip(branches, warmed, strict=True):
            branch.load_state_dict(done.encoder.state_dict(), strict=True)
        fixed.outputs.average([done.outputs for done in warmed])
        return fixed

    def _warm_up(self, number: int, branch: nn.Module) -> FixedOutputs:
        outputs = ConditionOutputs(
            self.bench.run.config.ecg_encoder.branch_dimension, len(self.bench.conditions)
        )

        def loss_of(fixed: FixedOutputs, batch: Tensor) -> Tensor:
            logits = fixed(self.augment(self.windows[batch]))
            return masked_binary_cross_entropy(logits, self.targets[batch][:, : logits.shape[1]])

        def validate(fixed: FixedOutputs) -> float:
            return self.bench.validation_loss(fixed.score(self.validation))

        log = self.bench.run.folder / f"warm_up_{number}.csv"
        config = self.bench.run.config.warm_up
        module = FixedOutputs(branch, outputs)
        return fit(module, config, self.rows, loss_of, validate, log)

    def train_fusion(self, fixed: FixedOutputs) -> CardioQueryNetwork:
        """Encoder and fusion under text queries, from what the warm-up has learned."""
        bench, config = self.bench, self.bench.run.config
        memory = bench.network.fusion.memory
        bench.network.encoder.load_state_dict(fixed.encoder.state_dict(), strict=True)
        memory.outputs.load_state_dict(fixed.outputs.state_dict(), strict=True)
        memory.keys.copy_(bench.outputs)
        share = config.wordings.canonical_share
        wordings = TrainingWordings(bench.conditions, bench.embedder, share, bench.signs)

        def loss_of(network: CardioQueryNetwork, batch: Tensor) -> Tensor:
            queries = wordings.draw(config.wordings.noise)
            asked = torch.randperm(len(queries))[: config.wordings.queries_in_a_step]
            logits = network(self.augment(self.windows[batch]), self.signs[batch], queries[asked])
            targets = self.targets[batch][:, asked]
            return masked_binary_cross_entropy(logits, targets, self.weights[asked])

        def validate(network: CardioQueryNetwork) -> float:
            return bench.validation_loss(network.score(self.validation, bench.canonical))

        log = bench.run.folder / "fusion_training.csv"
        network = fit(bench.network, config.fusion_training, self.rows, loss_of, validate, log)
        self._fit_trees(network)
        return network

    def _fit_trees(self, network: CardioQueryNetwork) -> None:
        """What the signs say of the conditions; from now on a part of their logits."""
        config = self.bench.run.config
        if network.measured is not None and config.signs is not None:
            labels = self.bench.recordings.targets[self.rows]
            network.measured.fit(self.bench.measured[self.rows], labels, config.seed)
            network.fusion.memory.measured_share.fill_(config.signs.share)


def main() -> None:
    """Train and keep the weights."""
    bench = open_workbench(read_run(__doc__))
    pretraining = Pretraining(bench)
    fixed = pretraining.warm_up()
    fixed.save(bench.fixed_file)
    pretraining.train_fusion(fixed).save(bench.network_file)


if __name__ == "__main__":
    main()
