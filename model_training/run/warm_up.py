"""The peers' warm-up: an encoder under fixed outputs, kept once for all that start from it."""

from dataclasses import replace
from pathlib import Path

from torch import Tensor, nn

from model_training.fitting import fit, seed_everything
from model_training.models.ecg_encoder import EcgEncoder
from model_training.models.fixed_outputs import ConditionOutputs, FixedOutputs
from model_training.run.pretraining import Pretraining
from model_training.run.workbench import Workbench


def fresh_encoder(bench: Workbench) -> EcgEncoder:
    """The run's encoder before anything was learned."""
    config = bench.run.config
    return EcgEncoder(config.ecg_encoder, leads=len(config.preprocessing.leads))


def warmed(bench: Workbench, folder: Path) -> FixedOutputs:
    """The encoder under fixed outputs: trained once a folder, then read; reseeds either way."""
    file = folder / "fixed_outputs.pt"
    outputs = ConditionOutputs(bench.run.config.ecg_encoder.dimension, len(bench.conditions))
    fixed = FixedOutputs(fresh_encoder(bench), outputs)
    if not file.exists():
        folder.mkdir(parents=True, exist_ok=True)
        WarmUp(replace(bench, run=replace(bench.run, folder=folder))).train(fixed)
        fixed.save(file)
    fixed.restore(file)
    seed_everything(bench.run.config.seed)
    return fixed


class WarmUp(Pretraining):
    """Each branch of the encoder for itself, for as many epochs as a fusion; then side by side."""

    def train(self, fixed: FixedOutputs) -> None:
        """Train in place."""
        branches = list(fixed.encoder.get_submodule("branches").children())
        done = [self._train(number, branch) for number, branch in enumerate(branches, start=1)]
        for branch, trained in zip(branches, done, strict=True):
            branch.load_state_dict(trained.encoder.state_dict(), strict=True)
        fixed.outputs.average([trained.outputs for trained in done])

    def _train(self, number: int, branch: nn.Module) -> FixedOutputs:
        config, log = self.bench.run.config, self.bench.run.folder / f"warm_up_{number}.csv"
        outputs = ConditionOutputs(config.ecg_encoder.branch_dimension, len(self.bench.conditions))

        def loss_of(fixed: FixedOutputs, batch: Tensor) -> Tensor:
            return self._loss(fixed(self._augmented(batch)), batch)

        def validate(fixed: FixedOutputs) -> float:
            return self._validation_loss(fixed.score)

        module, options = FixedOutputs(branch, outputs), self._options(log.stem)
        return fit(module, config.fusion_training, self.rows, loss_of, validate, log, options)
