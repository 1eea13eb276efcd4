"""Small fakes for tests of the service, and builders of what it is made of."""

import hashlib
import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from ecg_core.asking.composing import Composer, Leaf
from ecg_core.asking.rule import CompositionRule
from ecg_core.bundle import FamiliaritySpec
from ecg_core.calibration import Calibration
from ecg_core.checkpoint import Checkpoint, no_checkpoint
from ecg_core.conditions import Catalogue
from ecg_core.lead_sets import LeadSets
from ecg_core.preprocessing import PreprocessingSpec
from ecg_core.prompts import PromptTemplates
from ecg_core.readers import ReadLimits, UploadedFile
from ecg_core.recording import Recording
from service.engine.diagnosis import DiagnosisEngine
from service.engine.queries.answering import QuestionAnswerer
from service.engine.queries.conditions import (
    CatalogueConditions,
    KnownCondition,
    KnownConditions,
)
from service.engine.queries.embeddings import EmbeddingCache, QueryEmbeddings
from service.engine.queries.familiarity import FamiliarityClassifier
from service.engine.queries.resolver import QueryResolver
from service.engine.trust import Trust, TrustClassifier
from service.storage.base import ConditionStore, StoredCondition
from service.storage.conditions.registry import ConditionRegistry

DIMENSION = 32
DIGEST = "a" * 64


def word_vector(word: str) -> NDArray[np.float32]:
    """A vector that follows from the word alone."""
    seed = int.from_bytes(hashlib.sha256(word.lower().encode()).digest()[:4], "big")
    return np.random.default_rng(seed).normal(size=DIMENSION).astype(np.float32)


def text_vector(text: str) -> NDArray[np.float32]:
    """The mean of its words' vectors, scaled to a unit vector: texts that share words are close."""
    mean = np.mean([word_vector(word) for word in text.split()], axis=0)
    return (mean / np.linalg.norm(mean)).astype(np.float32)


class FakeTextEncoder:
    """Embeds by words; remembers what it was asked."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.texts.extend(texts)
        return np.stack([text_vector(text) for text in texts])

    def known_fraction(self, text: str) -> float:
        return sum(word.isascii() for word in text.split()) / len(text.split())

    def fits(self, text: str) -> bool:
        return len(text.split()) <= 40


class FakeEcgEncoder:
    """Features are the windows' means by lead; `error` is raised instead, if there is one."""

    def __init__(self) -> None:
        self.error: Exception | None = None

    def encode(
        self,
        windows: NDArray[np.float32],
        signs: NDArray[np.float32],
        checkpoint: Checkpoint = no_checkpoint,
    ) -> NDArray[np.float32]:
        if self.error is not None:
            raise self.error
        return np.abs(windows).mean(axis=2)[:, np.newaxis, :].astype(np.float32)


class FakeFusion:
    """Logits that depend on each query by itself."""

    def asked(
        self, _leaves: Sequence[Leaf], query_embeddings: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        return query_embeddings

    def logits(
        self,
        features: NDArray[np.float32],
        query_embeddings: NDArray[np.float32],
        checkpoint: Checkpoint = no_checkpoint,
    ) -> NDArray[np.float32]:
        checkpoint()
        level = features.mean()
        return (3.0 * query_embeddings[:, 0] + query_embeddings[:, 1] * level).astype(np.float32)


class Gate:
    """Holds work in a worker until it is opened, and says when it has arrived there."""

    def __init__(self) -> None:
        self.reached = threading.Event()
        self._open = threading.Event()

    def open(self) -> None:
        self._open.set()

    def pass_through(self, check: Callable[[], None] = no_checkpoint) -> None:
        self.reached.set()
        while not self._open.wait(0.005):
            check()


def make_stored(
    condition_id: str = "wolf-1",
    text: str = "preexcitation pattern",
    *,
    name: str | None = None,
    term: str | None = None,
    embedding: NDArray[np.float32] | None = None,
    encoder_digest: str = DIGEST,
) -> StoredCondition:
    """A condition as a store keeps it."""
    return StoredCondition(
        id=condition_id,
        name=name or text,
        text=text,
        term=term or text.replace(" ", ""),
        synonyms=(),
        codes=(),
        created_at=datetime(2025, 1, 31, tzinfo=UTC),
        embedding=text_vector(text) if embedding is None else embedding,
        encoder_digest=encoder_digest,
    )


def make_condition(
    condition_id: str, *, trained: bool = True, relatives: Sequence[str] = (), text: str = ""
) -> KnownCondition:
    """A built-in condition, named like its id."""
    name = text or condition_id.replace("-", " ")
    return KnownCondition(
        id=condition_id,
        name=name,
        text=name,
        synonyms=(),
        codes=(),
        embedding=text_vector(name),
        built_in=True,
        trained=trained,
        relatives=frozenset(relatives),
    )


def catalogue_conditions(trained: Callable[[str], bool] = lambda _: True) -> list[KnownCondition]:
    """The catalogue's conditions, with embeddings of the fake encoder."""
    return [
        make_condition(c.id, trained=trained(c.id), text=c.name)
        for c in Catalogue.load().conditions
    ]


def make_registry(
    store: ConditionStore,
    built_in: Sequence[KnownCondition] = (),
    *,
    max_registered: int = 100,
    embed: Callable[[str], NDArray[np.float32]] = text_vector,
) -> ConditionRegistry:
    """A registry on a store."""
    return ConditionRegistry(built_in, store, embed, DIGEST, DIMENSION, max_registered)


def make_resolver(
    conditions: KnownConditions | None = None,
    text_encoder: FakeTextEncoder | None = None,
    *,
    max_queries: int = 50,
    max_characters: int = 300,
    languages: Sequence[str] = (),
) -> QueryResolver:
    """A resolver of these conditions, or of the shipped catalogue's."""
    return QueryResolver(
        conditions or CatalogueConditions(catalogue_conditions()),
        Catalogue.load(),
        text_encoder or FakeTextEncoder(),
        PromptTemplates(),
        max_queries=max_queries,
        max_characters=max_characters,
        remembered=100,
        languages=languages,
    )


def make_engine(
    *,
    resolver: QueryResolver | None = None,
    ecg_encoder: FakeEcgEncoder | None = None,
    calibration: Calibration | None = None,
    near_similarity: float = 0.8,
    lead_sets: LeadSets | None = None,
) -> DiagnosisEngine:
    """An engine whose model is fake and whose line is real."""
    text_encoder = FakeTextEncoder()
    conditions, catalogue = catalogue_conditions(), Catalogue.load()
    familiarity = FamiliarityClassifier(
        conditions, FamiliaritySpec(near_similarity=near_similarity)
    )
    composer = Composer(catalogue, [c.id for c in conditions if c.trained], CompositionRule())
    calibration = calibration or Calibration()
    answerer = QuestionAnswerer(
        composer,
        conditions,
        QueryEmbeddings(text_encoder, PromptTemplates(), EmbeddingCache(100)),
        familiarity,
        Trust(calibration),
        FakeFusion(),
    )
    return DiagnosisEngine(
        preprocessing=PreprocessingSpec(),
        ecg_encoder=ecg_encoder or FakeEcgEncoder(),
        resolver=resolver or make_resolver(text_encoder=text_encoder),
        answerer=answerer,
        familiarity=familiarity,
        trust=TrustClassifier(PreprocessingSpec().leads, composer, calibration, lead_sets),
        limits=ReadLimits(),
    )


def make_csv_bytes(
    recording: Recording,
    *,
    units_per_mv: float = 1.0,
    header: bool = True,
    time_column: bool = True,
) -> bytes:
    """A recording as CSV."""
    columns = list(recording.samples_mv * units_per_mv)
    names = list(recording.leads)
    if time_column:
        columns.insert(0, np.arange(recording.samples_mv.shape[1]) / recording.sampling_rate_hz)
        names.insert(0, "time_s")
    lines = [",".join(f"{value:.5f}" for value in row) for row in np.stack(columns, axis=1)]
    return "\n".join([",".join(names), *lines] if header else lines).encode()


Upload = list[tuple[str, tuple[str, bytes]]]


def as_upload(files: Sequence[UploadedFile]) -> Upload:
    """Files as an HTTP client takes them."""
    return [("recording", (file.name, file.content)) for file in files]
