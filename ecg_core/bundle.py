"""The bundle: ONNX graphs, tokenizer, condition embeddings, and the manifest that binds them.

A service takes everything that shapes an answer from the bundle and refuses one whose files
do not match their SHA-256.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    TypeAdapter,
    ValidationError,
    field_validator,
)

from ecg_core.asking.gate import ScopeClassifier
from ecg_core.asking.rule import CompositionRule
from ecg_core.calibration import Calibration
from ecg_core.errors import InvalidBundle
from ecg_core.files import file_digest
from ecg_core.lead_sets import LeadSets
from ecg_core.preprocessing import PreprocessingSpec
from ecg_core.prompts import PromptTemplates
from ecg_core.strict_json import parse_json

MANIFEST_FILE = "manifest.json"
ECG_ENCODER_FILE = "ecg_encoder.onnx"
FUSION_FILE = "fusion.onnx"
TEXT_ATTENTION_FILE = "text_attention.onnx"
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
Share = Annotated[float, Field(gt=0, le=1)]


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


class TokensSpec(_Part):
    """What the tokens of a fusion stand for, in their order.

    Attributes:
        conditions: Ids of the trained conditions.
        signs: Names of the measured signs.
        composed: Ids of conditions that no label trained, composed of their signs.
        wordings: SHA-256 of all wordings that a text attends to.
    """

    conditions: tuple[str, ...]
    signs: tuple[str, ...]
    composed: tuple[str, ...]
    wordings: Sha256


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
        tokens: What the encoder's tokens stand for, to which `text_attention.onnx` and a condition
            or sign by itself attend; None: the encoder makes features, to which `fusion.onnx`
            puts query embeddings.
        composition: How answers of parts make the answer of a whole.
        gate: Tells texts that an ECG answers from others; None: by their words only.
        lead_sets: What is answered where leads are missing; None: trained rhythms, uncalibrated.
        base_rates: How often conditions are found, by id: of a trained one the share of the
            training recordings in which it is labelled as there, among those in which it is
            labelled at all; of any other the mean of its answers over the validation recordings.
            One that is not in it has none that is known; None: so have all.
        languages: That the text encoder reads, by ISO 639-1; empty: not stated.
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
    tokens: TokensSpec | None = None
    composition: CompositionRule = CompositionRule(measured_weight=0.0)
    gate: ScopeClassifier | None = None
    lead_sets: LeadSets | None = None
    base_rates: dict[str, Share] | None = None
    languages: tuple[str, ...] = ()
    files: dict[str, Sha256]

    @field_validator("composition", mode="before")
    @classmethod
    def _as_before(cls, stated: object) -> object:
        """A bundle that was made before signs counted as they are measured answers as it did."""
        return {"measured_weight": 0.0, **stated} if isinstance(stated, dict) else stated


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

    def read(self, name: str) -> bytes:
        """One of the bundle's files: the very bytes that match the manifest.

        Raises:
            InvalidBundle: It was exchanged since it was checked, or cannot be read.
        """
        try:
            content = self.path(name).read_bytes()
        except OSError as error:
            raise InvalidBundle(f"{name} is missing or unreadable") from error
        if hashlib.sha256(content).hexdigest() != self.manifest.files.get(name):
            raise InvalidBundle(f"{name} does not match its SHA-256")
        return content


def bundle_files(manifest: Manifest) -> tuple[str, ...]:
    """The files of a bundle besides its manifest."""
    return BUNDLE_FILES if manifest.tokens is None else (*BUNDLE_FILES, TEXT_ATTENTION_FILE)


def parts_digest(parts: Sequence[tuple[tuple[str, ...], ...]]) -> str:
    """SHA-256 of conditions' rendered parts, so that stale condition embeddings are noticed."""
    # A condition of one part counts as its prompts, as before there were parts.
    rendered = [part[0] if len(part) == 1 else part for part in parts]
    return hashlib.sha256(repr(rendered).encode()).hexdigest()


def load_bundle(folder: Path, pinned_digest: str | None = None) -> Bundle:
    """Read a bundle's manifest and check every file against it.

    Args:
        folder: Where it lies.
        pinned_digest: The digest that the bundle has to have; None: any.

    Raises:
        InvalidBundle: A file is missing, unreadable, altered, the manifest is not valid, or the
            digest is another one.
    """
    try:
        text = (folder / MANIFEST_FILE).read_bytes()
    except OSError as error:
        raise InvalidBundle(f"no readable {MANIFEST_FILE} in the bundle's folder") from error
    digest = hashlib.sha256(text).hexdigest()
    if pinned_digest is not None and digest != pinned_digest:
        raise InvalidBundle(f"the bundle's digest is {digest}, not the one that is pinned")
    try:
        manifest = Manifest.model_validate_json(text)
    except ValidationError as error:
        fields = sorted({".".join(map(str, fault["loc"])) for fault in error.errors()})
        raise InvalidBundle(f"{MANIFEST_FILE} is not valid at: {', '.join(fields)}") from error
    names = bundle_files(manifest)
    faults = [fault for name in names if (fault := _file_fault(folder, name, manifest))]
    if faults:
        raise InvalidBundle("; ".join(faults))
    return Bundle(folder, manifest, digest)


def encoder_digest(bundle: Bundle) -> str:
    """Of all that an embedding of a text depends on: the encoder, its tokenizer, the prompts."""
    manifest = bundle.manifest
    parts = (
        manifest.files[TEXT_ENCODER_FILE],
        manifest.files[TOKENIZER_FILE],
        manifest.text_encoder.model_dump_json(),
        manifest.prompts.model_dump_json(),
    )
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def read_model_card(bundle: Bundle) -> dict[str, JsonValue]:
    """The bundle's model card.

    Raises:
        InvalidBundle: It is no JSON object, or holds numbers that JSON does not have.
    """
    try:
        document = parse_json(bundle.read(MODEL_CARD_FILE))
        return TypeAdapter(dict[str, JsonValue]).validate_python(document)
    except ValueError as error:
        raise InvalidBundle(f"{MODEL_CARD_FILE} is no JSON object") from error


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write the manifest of the files that already lie in `folder`, with their digests."""
    files = {name: file_digest(folder / name) for name in bundle_files(manifest)}
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
