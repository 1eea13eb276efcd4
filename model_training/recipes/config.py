"""The configuration of a run: one YAML file is its single source of truth."""

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field

from ecg_core.preprocessing import PreprocessingSpec
from ecg_core.prompts import PromptTemplates
from model_training.adaptation_config import TextAdaptationConfig
from model_training.augmentation import AugmentationConfig
from model_training.data.report_labels import Silence
from model_training.fitting import OptimiserConfig
from model_training.models.ecg_encoder import AnyEncoderConfig
from model_training.models.fusion import FusionConfig
from model_training.models.measured import TreesConfig
from model_training.models.text_config import TextEncoderConfig


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class WordingsConfig(_Part):
    """How conditions are asked during training; see `model_training.wordings`.

    Attributes:
        canonical_share: How often a condition is asked by its name and description.
        noise: Length of a random step away from each embedding.
        queries_in_a_step: How many conditions and signs are asked in a step, drawn by chance; all
            unless stated. No query changes the answer to another: it only saves time.
        recall_sharpness: How sharply the trained network tells wordings apart; see
            `ConditionMemory.remember`. As it was trained unless stated.
    """

    canonical_share: Annotated[float, Field(ge=0, le=1)] = 0.4
    noise: Annotated[float, Field(ge=0, le=1)] = 0.1
    queries_in_a_step: Annotated[int, Field(ge=1)] | None = None
    recall_sharpness: Annotated[float, Field(gt=0)] | None = None


class SignsConfig(_Part):
    """Measured signs beside the waveform; see `ecg_core.signs`.

    Attributes:
        trees: What the signs say of the trained conditions, and how that is learned.
        share: Of the trees in a condition's logit; the rest is the waveform's.
        weight: Of a sign's loss where signs are asked by text; a condition's is 1.
    """

    trees: TreesConfig = TreesConfig()
    share: Annotated[float, Field(ge=0, le=1)] = 0.5
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
    """Which labels a run learns from; see `model_training.data.report_labels`.

    Attributes:
        reports: Whether those of reports, besides those of the benchmark and of SCP codes; a store
            has no others.
        extraction: How they are made of reports: a YAML file in `configs/`.
        silence: What a report that does not mention a condition says of it, where only reports
            know the condition.
    """

    reports: bool = False
    extraction: Path = Path("entities/ptbxl.yaml")
    silence: Silence = "not_said"


class PtbxlConfig(_Part):
    """PTB-XL with the benchmark's labels, held in memory."""

    kind: Literal["ptbxl"] = "ptbxl"


class StoreConfig(_Part):
    """A store of prepared recordings, mapped from the disk, labelled by its reports.

    Attributes:
        kind: Marks it.
        folder: The store, relative to the data folder.
    """

    kind: Literal["store"]
    folder: Path


DataConfig = Annotated[PtbxlConfig | StoreConfig, Field(discriminator="kind")]


class RunConfig(_Part):
    """Everything that shapes a run."""

    name: str
    version: str
    seed: int
    preprocessing: PreprocessingSpec
    data: DataConfig = PtbxlConfig()
    prompts: PromptTemplates
    text_encoder: TextEncoderConfig
    text_adaptation: TextAdaptationConfig | None = None
    ecg_encoder: AnyEncoderConfig
    fusion: FusionConfig
    augmentation: AugmentationConfig
    wordings: WordingsConfig
    signs: SignsConfig | None = None
    imbalance: ImbalanceConfig = ImbalanceConfig()
    warm_up: OptimiserConfig
    fusion_training: OptimiserConfig
    labels: LabelsConfig = LabelsConfig()


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


def add_run_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments that every recipe takes."""
    parser.add_argument("--config", type=Path, required=True, help="YAML file of the run")
    parser.add_argument("--shared", type=Path, required=True, help="folder with ptb-xl/ and so on")
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="folder for all runs")


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
        trains: Whether it takes those of training, too.

    Raises:
        SystemExit: The arguments are off.
        pydantic.ValidationError: The configuration is not valid; every fault is listed.
    """
    parser = argparse.ArgumentParser(description=description)
    add_run_arguments(parser)
    if trains:
        _add_training(parser)
    return run_from(parser.parse_args())


_OF_TRAINING = ("device", "resume", "checkpoint_every")


def _add_training(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--device", default="auto", help="cpu, cuda, ...; auto: a GPU if any")
    parser.add_argument("--resume", action="store_true", help="go on from the last checkpoint")
    parser.add_argument(
        "--checkpoint-every", type=int, default=500, metavar="STEPS", help="(500); and each epoch"
    )
