"""The configuration of a run: one YAML file is its single source of truth."""

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, model_validator

from ecg_core.preprocessing import PreprocessingSpec
from ecg_core.prompts import PromptTemplates
from model_training.data.releases.base import ReleaseFaultCode
from model_training.data.report_labels import Silence
from model_training.data.store.layout import SampleType
from model_training.fitting import OptimiserConfig
from model_training.fitting.augmentation import AugmentationConfig
from model_training.models.ecg_encoder import AnyEncoderConfig
from model_training.models.fusion import FusionConfig
from model_training.models.token_network import TokensConfig
from model_training.text.config import TextEncoderConfig


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class WordingsConfig(_Part):
    """How conditions are asked during training; see `model_training.text.wordings`.

    Attributes:
        canonical_share: How often a condition is asked by its name and description.
        noise: Length of a random step away from each embedding.
    """

    canonical_share: Annotated[float, Field(ge=0, le=1)] = 0.4
    noise: Annotated[float, Field(ge=0, le=1)] = 0.1


class SignsConfig(_Part):
    """Measured signs beside the waveform; see `ecg_core.signs`.

    Attributes:
        weight: Of a sign's loss; a condition's is 1.
    """

    weight: Annotated[float, Field(gt=0)] = 0.5


class ImbalanceConfig(_Part):
    """How much more a condition counts where it is present; see `masked_binary_cross_entropy`.

    Attributes:
        power: Of the number of absent recordings to one present: 0 is no weight, 1 gives both the
            same weight in all.
        most: No weight is larger.
    """

    power: Annotated[float, Field(ge=0, le=1)] = 0.0
    most: Annotated[float, Field(ge=1)] = 20.0


class LabelsConfig(_Part):
    """Which labels a run learns from; see `model_training.data.stored`.

    Attributes:
        reports: Whether those of reports, where the benchmark and the release's codes are silent.
        extraction: How they are made of reports: a YAML file in `configs/`.
        silence: What a report that does not mention a condition says of it, where only reports
            know the condition.
    """

    reports: bool = False
    extraction: Path = Path("entities/ptbxl.yaml")
    silence: Silence = "not_said"


class ReleaseConfig(_Part):
    """A release that is prepared into a store when it is needed, unless that was done.

    Attributes:
        kind: Marks it.
        release: Its name in the registry; see `model_training.data.releases.registry`.
        source: Its folder, relative to the data folder.
        sample_type: Type of the stored samples.
        leave_out: Faults whose recordings are left out and counted.
        benchmark: Folder of the benchmark, relative to the data folder; none: its classes are not
            heard.
    """

    kind: Literal["release"] = "release"
    release: str = "ptb-xl-benchmark"
    source: Path = Path()
    sample_type: SampleType = "float32"
    leave_out: frozenset[ReleaseFaultCode] = frozenset({ReleaseFaultCode.MISSING_FILE})
    benchmark: Path | None = Path("zero-shot-benchmark")


class StoreConfig(_Part):
    """A store that was prepared before.

    Attributes:
        kind: Marks it.
        folder: The store, relative to the data folder.
        benchmark: As in `ReleaseConfig`.
    """

    kind: Literal["store"]
    folder: Path
    benchmark: Path | None = None


class SignTrainingConfig(_Part):
    """How the signs' own path to conditions learns.

    Attributes:
        training: Epochs over the recordings, and so on.
        jitter: Of the signs, in softnesses.
        unmeasured: Chance that a sign counts as not measured, beside those of missing leads.
    """

    training: OptimiserConfig
    jitter: Annotated[float, Field(ge=0)] = 0.3
    unmeasured: Annotated[float, Field(ge=0, lt=1)] = 0.1


class NamingConfig(_Part):
    """How the attention to names learns, from text alone; see `naming_loss`.

    Attributes:
        training: Epochs over the wordings, and so on.
        noise, mixed, banned: Of `naming_loss`.
    """

    training: OptimiserConfig
    noise: Annotated[float, Field(ge=0)] = 0.3
    mixed: Annotated[float, Field(ge=0, le=1)] = 0.3
    banned: Annotated[float, Field(ge=0, le=1)] = 0.8


class TokenTrainingConfig(_Part):
    """The phases that a fusion of tokens is trained in beside the encoder's own.

    Attributes:
        signs: Of the path from signs to conditions.
        naming: Of the attention to names.
    """

    signs: SignTrainingConfig
    naming: NamingConfig


FusionOfAnyKind = Annotated[FusionConfig | TokensConfig, Field(discriminator="kind")]
DataConfig = Annotated[ReleaseConfig | StoreConfig, Field(discriminator="kind")]


class RunConfig(_Part):
    """Everything that shapes a run.

    Attributes:
        signs: Of a fusion of tokens.
        fusion_training: Of encoder and fusion; with tokens, of encoder and concept queries.
        token_training: Of the further phases of a fusion of tokens.
    """

    name: str
    version: str
    seed: int
    preprocessing: PreprocessingSpec
    data: DataConfig = ReleaseConfig()
    prompts: PromptTemplates
    text_encoder: TextEncoderConfig
    ecg_encoder: AnyEncoderConfig
    fusion: FusionOfAnyKind
    augmentation: AugmentationConfig
    wordings: WordingsConfig
    signs: SignsConfig | None = None
    imbalance: ImbalanceConfig = ImbalanceConfig()
    fusion_training: OptimiserConfig
    token_training: TokenTrainingConfig | None = None
    labels: LabelsConfig = LabelsConfig()

    @model_validator(mode="after")
    def _fits_together(self) -> "RunConfig":
        of_tokens = self.signs is not None, self.token_training is not None
        takes = isinstance(self.fusion, TokensConfig)
        if of_tokens != (takes, takes):
            rule = "signs and token_training" if takes else "neither signs nor token_training"
            raise ValueError(f"a fusion of kind {self.fusion.kind} takes {rule}")
        return self


@dataclass(frozen=True, slots=True)
class Run:
    """A configuration, the data, and the folder that the run writes to.

    Attributes:
        config: What shapes the run.
        shared: Folder with the data.
        folder: Where it writes.
        device: Where it trains; see `resolve_device`.
        resume: Whether training goes on from checkpoints that are there.
        checkpoint_every: Steps between checkpoints.
    """

    config: RunConfig
    shared: Path
    folder: Path
    device: str = "auto"
    resume: bool = False
    checkpoint_every: int = 500

    @property
    def cache(self) -> Path:
        """Folder of what can be made again: prepared recordings, embeddings."""
        return self.folder.parent / "cache"


def load_config(path: Path) -> RunConfig:
    """Read and check a run's YAML.

    Raises:
        pydantic.ValidationError: It is not valid; every fault is listed.
    """
    return RunConfig.model_validate(yaml.safe_load(path.read_text()))


def add_run_arguments(parser: argparse.ArgumentParser, *, trains: bool = False) -> None:
    """The arguments that every recipe takes.

    Args:
        parser: Gets them.
        trains: Whether the recipe trains, and so on a device of choice; scoring is on the CPU.
    """
    parser.add_argument("--config", type=Path, required=True, help="YAML file of the run")
    parser.add_argument("--shared", type=Path, required=True, help="folder with ptb-xl/ and so on")
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="folder for all runs")
    if trains:
        parser.add_argument("--device", default="auto", help="cpu, cuda, ...; auto: a GPU if any")


def command_of(recipe: str, config: Path, *further: str) -> str:
    """The command of a recipe for a configuration; of a file elsewhere the name alone."""
    stated = config.name if config.is_absolute() else config.as_posix()
    begun = f"python -m model_training.recipes.{recipe} --config {stated} --shared ../shared/data"
    return " ".join((begun, *further))


def figures_argument(file: Path) -> tuple[str, str]:
    """That argument of a command; of a file elsewhere the name alone."""
    return "--figures", file.name if file.is_absolute() else file.as_posix()


def run_from(arguments: argparse.Namespace) -> Run:
    """The run that the arguments of `add_run_arguments` name; makes its folder.

    Raises:
        pydantic.ValidationError: The configuration is not valid; every fault is listed.
    """
    config = load_config(arguments.config)
    folder = arguments.runs / config.name
    folder.mkdir(parents=True, exist_ok=True)
    stated = {name: value for name, value in vars(arguments).items() if name in _OF_TRAINING}
    return Run(config, arguments.shared, folder, **stated)


def read_run(description: str | None, *, trains: bool = False) -> Run:
    """Read the arguments that every recipe takes.

    Args:
        description: Of the recipe.
        trains: Whether it takes those of training that can be resumed, too.

    Raises:
        SystemExit: The arguments are off.
        pydantic.ValidationError: The configuration is not valid; every fault is listed.
    """
    parser = argparse.ArgumentParser(description=description)
    add_run_arguments(parser, trains=trains)
    if trains:
        _add_training(parser)
    return run_from(parser.parse_args())


_OF_TRAINING = ("device", "resume", "checkpoint_every")


def _add_training(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--resume", action="store_true", help="go on from the last checkpoint")
    parser.add_argument(
        "--checkpoint-every", type=int, default=500, metavar="STEPS", help="(500); and each epoch"
    )
