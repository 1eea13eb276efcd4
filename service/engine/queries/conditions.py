"""The conditions that a query can name: the catalogue's, and those that were registered."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from io import BytesIO
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from ecg_core.bundle import CONDITION_EMBEDDINGS_FILE, Bundle, Manifest, parts_digest
from ecg_core.conditions import Catalogue, Condition, normalise_term
from ecg_core.errors import ConditionNotFound, InvalidBundle
from ecg_core.prompts import composed_embedding
from service.engine.inference.protocols import TextEncoder

SCP_SYSTEM = "urn:iso:std:iso:11073:91064"
SNOMED_SYSTEM = "http://snomed.info/sct"


class Code(NamedTuple):
    """A code of a terminology."""

    system: str
    code: str


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
        term: The key of its text as a query for it is understood, if it was registered.
        group: What sort of finding the catalogue says it is; None if it was registered.
        base_rate: How often it is found, where the bundle says it; see `Manifest.base_rates`.
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
    term: str = ""
    group: str | None = None
    base_rate: float | None = None

    @property
    def wordings(self) -> tuple[str, ...]:
        """Every wording that names it."""
        return (self.text, self.name, *self.synonyms)


class KnownConditions(Protocol):
    """Every condition that a query can name; safe to ask from several threads."""

    def all(self) -> tuple[KnownCondition, ...]:
        """All of them, in the order in which they are answered where nothing is asked."""
        ...

    def get(self, condition_id: str) -> KnownCondition:
        """The condition with this id.

        Raises:
            ConditionNotFound: There is none.
        """
        ...

    def finder(self) -> Callable[[str], KnownCondition | None]:
        """Looks up wordings in one and the same state of the conditions."""
        ...


class CatalogueConditions:
    """The catalogue's conditions alone; see `KnownConditions`."""

    def __init__(self, conditions: Iterable[KnownCondition]) -> None:
        self._by_id = {condition.id: condition for condition in conditions}
        self._by_key = {
            term_key(wording): condition
            for condition in self._by_id.values()
            for wording in condition.wordings
        }

    def __contains__(self, condition_id: str) -> bool:
        return condition_id in self._by_id

    def all(self) -> tuple[KnownCondition, ...]:
        """All of them, in the catalogue's order."""
        return tuple(self._by_id.values())

    def get(self, condition_id: str) -> KnownCondition:
        """See `KnownConditions.get`."""
        if condition_id not in self._by_id:
            raise ConditionNotFound
        return self._by_id[condition_id]

    def finder(self) -> Callable[[str], KnownCondition | None]:
        """Looks up wordings."""
        return lambda text: self._by_key.get(term_key(text))


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
    return tuple(
        _built_in(condition, embeddings[condition.id], manifest, relatives[condition.id])
        for condition in catalogue.conditions
    )


def _built_in(
    condition: Condition,
    embedding: NDArray[np.float32],
    manifest: Manifest,
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
        trained=condition.id in manifest.trained_conditions,
        relatives=relatives,
        group=condition.kind.value,
        base_rate=(manifest.base_rates or {}).get(condition.id),
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
    content = bundle.read(CONDITION_EMBEDDINGS_FILE)
    try:
        rows = np.load(BytesIO(content), allow_pickle=False)
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
