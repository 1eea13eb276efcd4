"""Where a run's weights and figures come from, so that what does not belong together is refused."""

import hashlib
import os
import platform
import subprocess
from collections.abc import Collection
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from ecg_core.errors import EcgError
from ecg_core.files import file_digest, whole_file
from model_training.data.labelled import LabelledRecordings
from model_training.run.config import Run

FILE = "provenance.json"
_PACKAGES = ("cardioquery", "numpy", "scipy", "torch", "transformers", "onnx", "scikit-learn")
# What a run's later steps may not differ in from its training.
OF_TRAINING = ("configuration", "data", "labels", "weights")
# The same of what was trained by itself, of the same recordings.
OF_RECORDINGS = ("data", "labels")


class WrongRun(EcgError):
    """What lies in a run's folder is not this run's; the message says everything that is wrong."""

    def __init__(self, faults: list[str]) -> None:
        self.faults = tuple(faults)
        super().__init__("; ".join(faults))


class Provenance(BaseModel):
    """Where something comes from.

    Attributes:
        revision: Of the repository, with `+changes` if the working tree had any.
        versions: Of Python and of the packages that shape figures.
        configuration: SHA-256 of the run's configuration.
        seed: Of the run.
        release: Name of the release that it learned from.
        data: Digest of the store, with all its windows.
        labels: SHA-256 of ids, folds, conditions and targets.
        weights: SHA-256 of the trained network's file.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    revision: str
    versions: dict[str, str]
    configuration: str
    seed: int
    release: str
    data: str
    labels: str
    weights: str


def provenance_of(
    run: Run, recordings: LabelledRecordings, weights: Path | None, *further: BaseModel
) -> Provenance:
    """Of what a run makes, as things are now.

    Args:
        run: Its configuration.
        recordings: With all their labels.
        weights: The file of the weights, or of the answers; None where none is kept.
        further: What shapes it beside the run's configuration.
    """
    return Provenance(
        revision=_revision(),
        versions=_versions(),
        configuration=_digest(run.config, *further),
        seed=run.config.seed,
        release=recordings.release,
        data=recordings.digest,
        labels=_label_digest(recordings),
        weights="" if weights is None else file_digest(weights),
    )


def _digest(*configurations: BaseModel) -> str:
    digest = hashlib.sha256()
    for configuration in configurations:
        digest.update(configuration.model_dump_json().encode())
    return digest.hexdigest()


def write_provenance(provenance: Provenance, folder: Path, name: str = FILE) -> None:
    """Write it beside what it tells of."""
    with whole_file(folder / name) as stream:
        stream.write((provenance.model_dump_json(indent=2) + "\n").encode())


def read_provenance(folder: Path, name: str = FILE) -> Provenance | None:
    """What `write_provenance` wrote; None where nothing did."""
    path = folder / name
    return Provenance.model_validate_json(path.read_bytes()) if path.is_file() else None


def differences(
    what: str,
    stated: Provenance | None,
    expected: Provenance,
    compared: Collection[str] = OF_TRAINING,
) -> list[str]:
    """What is wrong with something that is said to come from a run; empty if it does.

    Args:
        what: What it is, for people.
        stated: Its provenance.
        expected: The run's.
        compared: In what they may not differ.
    """
    if stated is None:
        return [f"{what}: nothing says where they come from ({FILE} is missing)"]
    return [
        f"{what}: of other {name}"
        for name in compared
        if getattr(stated, name) != getattr(expected, name)
    ]


def _label_digest(recordings: LabelledRecordings) -> str:
    digest = hashlib.sha256(repr(recordings.conditions).encode())
    for part in (recordings.ecg_ids, recordings.folds, recordings.targets):
        digest.update(part.tobytes())
    return digest.hexdigest()


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _revision() -> str:
    """Of the repository that holds this file, or as an image was told when it was built."""
    here = Path(__file__)

    def told(*command: str) -> str:
        asked = ["git", "-C", str(here.parent), *command]  # no word of it comes from outside
        done = subprocess.run(asked, capture_output=True, text=True, check=True)  # noqa: S603
        return done.stdout.strip()

    try:
        told("ls-files", "--error-unmatch", here.name)  # installed beside another repository?
        changed = bool(told("status", "--porcelain", "--untracked-files=no"))
        return told("rev-parse", "HEAD") + ("+changes" if changed else "")
    except (OSError, subprocess.CalledProcessError):
        return os.environ.get("CARDIOQUERY_REVISION", "unknown")
