"""What a query can name: a condition of the catalogue, or one that was registered."""

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from ecg_core.bundle import CONDITION_EMBEDDINGS_FILE, Bundle, Manifest, parts_digest
from ecg_core.conditions import Catalogue, Condition, normalise_term
from ecg_core.errors import InvalidBundle
from ecg_core.prompts import composed_embedding
from service.inference.protocols import TextEncoder
from service.queries.store import Code, StoredCondition

SCP_SYSTEM = "urn:iso:std:iso:11073:91064"
SNOMED_SYSTEM = "http://snomed.info/sct"


@dataclass(frozen=True, eq=False, slots=True)
class KnownCondition:
    """A condition that the registry holds.

    Attributes:
        id: Its id on the wire.
        name: Its short name.
        text: What is asked of the model.
        synonyms: Other wordings under which a query finds it.
        codes: Codes of terminologies.
        embedding: Unit vector, shape (dimension,).
        built_in: Whether it belongs to the catalogue.
        trained: Whether the model was trained on it.
        relatives: Ids of the conditions directly broader or narrower, if it is built in.
        created_at: When it was registered; None if it is built in.
    """

    id: str
    name: str
    text: str
    synonyms: tuple[str, ...]
    codes: tuple[Code, ...]
    embedding: NDArray[np.float32]
    built_in: bool
    trained: bool = False
    relatives: frozenset[str] = frozenset()
    created_at: datetime | None = None

    @classmethod
    def from_stored(
        cls, stored: StoredCondition, embedding: NDArray[np.float32]
    ) -> "KnownCondition":
        """A registered condition, with its embedding by the text encoder in use."""
        return cls(
            id=stored.id,
            name=stored.name,
            text=stored.text,
            synonyms=stored.synonyms,
            codes=stored.codes,
            embedding=embedding,
            built_in=False,
            created_at=stored.created_at,
        )

    @property
    def wordings(self) -> tuple[str, ...]:
        """Every wording that names it."""
        return (self.text, self.name, *self.synonyms)


@lru_cache(maxsize=32_768)  # folding a free text takes longer than scoring it
def term_key(text: str) -> str:
    """The form under which a wording is looked up: "ST-Hebung" and "ST Hebung" are one."""
    return normalise_term(text).replace(" ", "")


def built_in_conditions(
    bundle: Bundle, catalogue: Catalogue, text_encoder: TextEncoder
) -> tuple[KnownCondition, ...]:
    """The catalogue's conditions with their embeddings.

    The embeddings come from the bundle, unless the catalogue has changed since it was made: then
    they are computed anew, which takes some seconds.

    Raises:
        InvalidBundle: The bundle does not fit the catalogue, or its embeddings are broken.
    """
    manifest = bundle.manifest
    ids = {condition.id for condition in catalogue.conditions}
    if absent := set(manifest.trained_conditions) - ids:
        raise InvalidBundle(f"the catalogue lacks trained conditions: {', '.join(sorted(absent))}")
    embeddings = _shipped_embeddings(bundle, catalogue)
    if embeddings is None:
        embeddings = _computed_embeddings(bundle, catalogue, text_encoder)
    relatives = _relatives(catalogue)
    trained = frozenset(manifest.trained_conditions)
    return tuple(
        _built_in(condition, embeddings[condition.id], trained, relatives[condition.id])
        for condition in catalogue.conditions
    )


def _built_in(
    condition: Condition,
    embedding: NDArray[np.float32],
    trained: frozenset[str],
    relatives: frozenset[str],
) -> KnownCondition:
    scp = [Code(SCP_SYSTEM, code) for code in condition.scp]
    snomed = [Code(SNOMED_SYSTEM, code) for code in condition.snomed]
    return KnownCondition(
        id=condition.id,
        name=condition.name,
        text=condition.name,
        synonyms=(*condition.synonyms, *condition.abbreviations, *condition.german),
        codes=(*scp, *snomed),
        embedding=embedding,
        built_in=True,
        trained=condition.id in trained,
        relatives=relatives,
    )


def _shipped_embeddings(
    bundle: Bundle, catalogue: Catalogue
) -> dict[str, NDArray[np.float32]] | None:
    """The bundle's own, or None if they were made of another catalogue."""
    manifest = bundle.manifest
    rows = _load_rows(bundle)
    by_id = {condition.id: condition for condition in catalogue.conditions}
    if set(manifest.conditions) != set(by_id):
        return None
    parts = [_parts(manifest, by_id[i]) for i in manifest.conditions]
    if parts_digest(parts) != manifest.conditions_digest:
        return None
    return dict(zip(manifest.conditions, rows, strict=True))


def _load_rows(bundle: Bundle) -> NDArray[np.float32]:
    path = bundle.path(CONDITION_EMBEDDINGS_FILE)
    try:
        rows = np.load(path, allow_pickle=False)
    except (OSError, ValueError) as error:
        raise InvalidBundle(f"{CONDITION_EMBEDDINGS_FILE} cannot be read") from error
    expected = (len(bundle.manifest.conditions), bundle.manifest.text_encoder.dimension)
    if rows.shape != expected or rows.dtype != np.float32 or not np.isfinite(rows).all():
        raise InvalidBundle(f"{CONDITION_EMBEDDINGS_FILE} does not fit the manifest")
    return np.asarray(rows)


def _computed_embeddings(
    bundle: Bundle, catalogue: Catalogue, text_encoder: TextEncoder
) -> dict[str, NDArray[np.float32]]:
    return {
        condition.id: composed_embedding(
            [text_encoder.embed(prompts) for prompts in _parts(bundle.manifest, condition)]
        )
        for condition in catalogue.conditions
    }


def _parts(manifest: Manifest, condition: Condition) -> tuple[tuple[str, ...], ...]:
    is_trained = condition.id in manifest.trained_conditions
    return manifest.prompts.condition_parts(condition, is_trained=is_trained)


def _relatives(catalogue: Catalogue) -> dict[str, frozenset[str]]:
    """Ids one step above or below each condition."""
    relatives = {condition.id: set(condition.broader) for condition in catalogue.conditions}
    for condition in catalogue.conditions:
        for broader in condition.broader:
            relatives[broader].add(condition.id)
    return {condition_id: frozenset(ids) for condition_id, ids in relatives.items()}
