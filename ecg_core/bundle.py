"""The bundle: ONNX graphs, tokenizer, condition embeddings, and the manifest that binds them.

A service takes everything that shapes an answer from the bundle and refuses one whose files
do not match their SHA-256.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ecg_core.calibration import Calibration
from ecg_core.errors import InvalidBundle
from ecg_core.preprocessing import PreprocessingSpec
from ecg_core.prompts import PromptTemplates

MANIFEST_FILE = "manifest.json"
ECG_ENCODER_FILE = "ecg_encoder.onnx"
FUSION_FILE = "fusion.onnx"
TEXT_ENCODER_FILE = "text_encoder.onnx"
TOKENIZER_FILE = "tokenizer.json"
CONDITION_EMBEDDINGS_FILE = "condition_embeddings.npy"
MODEL_CARD_FILE = "model_card.json"
BUNDLE_FILES = (
    ECG_ENCODER_FILE,
    FUSION_FILE,
    TEXT_ENCODER_FILE,
    TOKENIZER_FILE,
    CONDITION_EMBEDDINGS_FILE,
    MODEL_CARD_FILE,
)

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class TextEncoderSpec(_Part):
    """How the text encoder is to be called."""

    name: str
    licence: str
    pooling: Literal["mean", "cls"]
    dimension: Annotated[int, Field(gt=0)]
    max_tokens: Annotated[int, Field(gt=0)]


class EcgEncoderSpec(_Part):
    """Shape of the ECG features: (token, dimension) for each window.

    Attributes:
        signs: Names of the measured signs that the encoder takes beside the windows, in order.
    """

    kind: str
    tokens: Annotated[int, Field(gt=0)]
    dimension: Annotated[int, Field(gt=0)]
    signs: tuple[str, ...] = ()


class FamiliaritySpec(_Part):
    """When a query that is no trained condition counts as near one.

    Attributes:
        near_similarity: Least cosine similarity of the query's embedding to that of a trained
            condition.
    """

    near_similarity: Annotated[float, Field(ge=-1, le=1)]


class Manifest(_Part):
    """The bundle's table of contents and every parameter that shapes an answer.

    Attributes:
        conditions: Ids of the catalogue's conditions, one for each row of
            `condition_embeddings.npy`, shape (condition, dimension).
        conditions_digest: SHA-256 of those conditions' parts; see `parts_digest`.
        trained_conditions: Ids of the conditions that the model was trained on.
        files: SHA-256 of each file beside the manifest.
    """

    name: str
    version: str
    intended_use: str
    preprocessing: PreprocessingSpec
    prompts: PromptTemplates
    text_encoder: TextEncoderSpec
    ecg_encoder: EcgEncoderSpec
    calibration: Calibration
    familiarity: FamiliaritySpec
    conditions: tuple[str, ...]
    conditions_digest: Sha256
    trained_conditions: tuple[str, ...]
    files: dict[str, Sha256]


@dataclass(frozen=True, slots=True)
class Bundle:
    """A verified bundle on disk.

    Attributes:
        folder: Where its files lie.
        manifest: Its table of contents.
        digest: SHA-256 of the manifest, and with it of everything else.
    """

    folder: Path
    manifest: Manifest
    digest: str

    def path(self, name: str) -> Path:
        """The path of one of the bundle's files."""
        return self.folder / name


def file_digest(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def parts_digest(parts: Sequence[tuple[tuple[str, ...], ...]]) -> str:
    """SHA-256 of conditions' rendered parts, so that stale condition embeddings are noticed."""
    # A condition of one part counts as its prompts, as before there were parts.
    rendered = [part[0] if len(part) == 1 else part for part in parts]
    return hashlib.sha256(repr(rendered).encode()).hexdigest()


def load_bundle(folder: Path) -> Bundle:
    """Read a bundle's manifest and check every file against it.

    Raises:
        InvalidBundle: A file is missing, unreadable, altered, or the manifest is not valid.
    """
    try:
        text = (folder / MANIFEST_FILE).read_bytes()
    except OSError as error:
        raise InvalidBundle(f"no readable {MANIFEST_FILE} in the bundle's folder") from error
    try:
        manifest = Manifest.model_validate_json(text)
    except ValidationError as error:
        fields = sorted({".".join(map(str, fault["loc"])) for fault in error.errors()})
        raise InvalidBundle(f"{MANIFEST_FILE} is not valid at: {', '.join(fields)}") from error
    faults = [fault for name in BUNDLE_FILES if (fault := _file_fault(folder, name, manifest))]
    if faults:
        raise InvalidBundle("; ".join(faults))
    return Bundle(folder, manifest, hashlib.sha256(text).hexdigest())


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write the manifest of the files that already lie in `folder`, with their digests."""
    files = {name: file_digest(folder / name) for name in BUNDLE_FILES}
    complete = manifest.model_copy(update={"files": files})
    (folder / MANIFEST_FILE).write_text(complete.model_dump_json(indent=2) + "\n")


def _file_fault(folder: Path, name: str, manifest: Manifest) -> str | None:
    if name not in manifest.files:
        return f"{name} is not in the manifest"
    try:
        digest = file_digest(folder / name)
    except OSError:
        return f"{name} is missing or unreadable"
    return None if digest == manifest.files[name] else f"{name} does not match its SHA-256"
