"""From a bundle's folder to an engine that diagnoses, with nothing of a service around it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from ecg_core.asking.composing import Composer
from ecg_core.bundle import Bundle, load_bundle
from ecg_core.conditions import Catalogue
from ecg_core.readers import ReadLimits
from service import SHIPPED_BUNDLE_DIR
from service.engine.diagnosis import DiagnosisEngine
from service.engine.inference.onnx import OnnxModel, RuntimeOptions, load_model
from service.engine.queries.answering import QuestionAnswerer
from service.engine.queries.conditions import (
    CatalogueConditions,
    KnownConditions,
    built_in_conditions,
)
from service.engine.queries.embeddings import (
    EmbeddingCache,
    Lookups,
    QueryEmbeddings,
    SharedEmbeddings,
)
from service.engine.queries.familiarity import FamiliarityClassifier
from service.engine.queries.resolver import QueryResolver
from service.engine.trust import Trust, TrustClassifier


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """Means and bounds of an engine; none of them changes a probability.

    Attributes:
        runtime: How the graphs are run.
        limits: Bounds on what is read.
        max_queries: Most queries at once.
        max_query_characters: Longest query.
        remembered_texts: Free texts whose meaning and embedding are kept.
    """

    runtime: RuntimeOptions = field(default_factory=RuntimeOptions)
    limits: ReadLimits = field(default_factory=ReadLimits)
    max_queries: int = 10_000
    max_query_characters: int = 300
    remembered_texts: int = 20_000


@dataclass(frozen=True, slots=True)
class OpenedModel:
    """A bundle with its graphs open, and the catalogue's conditions as it embeds them."""

    bundle: Bundle
    graphs: OnnxModel
    catalogue: Catalogue
    conditions: CatalogueConditions
    options: EngineOptions

    def query_embeddings(
        self,
        on_lookup: Callable[[Lookups], None] = lambda _lookups: None,
        shared: SharedEmbeddings | None = None,
    ) -> QueryEmbeddings:
        """The embedding of queries, with a cache of its own.

        Args:
            on_lookup: Told where the embeddings of each request came from.
            shared: A cache behind the process's own.
        """
        cache = EmbeddingCache(self.options.remembered_texts)
        prompts = self.bundle.manifest.prompts
        return QueryEmbeddings(self.graphs.text_encoder, prompts, cache, on_lookup, shared)

    def engine(self, conditions: KnownConditions, embeddings: QueryEmbeddings) -> DiagnosisEngine:
        """The engine.

        Args:
            conditions: What a query can name, and what is asked for without queries.
            embeddings: What embeds queries.
        """
        manifest, options = self.bundle.manifest, self.options
        resolver = QueryResolver(
            conditions,
            self.catalogue,
            self.graphs.text_encoder,
            manifest.prompts,
            options.max_queries,
            options.max_query_characters,
            options.remembered_texts,
            manifest.languages,
        )
        familiarity = FamiliarityClassifier(
            self.conditions.all(), manifest.familiarity, options.remembered_texts
        )
        composer = Composer(self.catalogue, manifest.trained_conditions, manifest.composition)
        answerer = QuestionAnswerer(
            composer,
            self.conditions.all(),
            embeddings,
            familiarity,
            Trust(manifest.calibration),
            self.graphs.fusion,
            manifest.gate,
        )
        return DiagnosisEngine(
            preprocessing=manifest.preprocessing,
            ecg_encoder=self.graphs.ecg_encoder,
            resolver=resolver,
            answerer=answerer,
            familiarity=familiarity,
            trust=TrustClassifier(
                manifest.preprocessing.leads, composer, manifest.calibration, manifest.lead_sets
            ),
            limits=options.limits,
        )


def open_model(bundle: Bundle, options: EngineOptions | None = None) -> OpenedModel:
    """Open a bundle's graphs, and embed the catalogue where the bundle does not.

    Raises:
        InvalidBundle: A graph cannot be opened, or the bundle does not fit the catalogue.
        ProviderUnavailable: A provider that was asked for is not active.
    """
    options = options or EngineOptions()
    catalogue = Catalogue.load()
    graphs = load_model(bundle, options.runtime)
    built_in = built_in_conditions(bundle, catalogue, graphs.text_encoder)
    return OpenedModel(bundle, graphs, catalogue, CatalogueConditions(built_in), options)


def load_engine(
    bundle_dir: Path = SHIPPED_BUNDLE_DIR, options: EngineOptions | None = None
) -> DiagnosisEngine:
    """An engine of a bundle, which knows the catalogue's conditions and free texts.

    Args:
        bundle_dir: Folder of the bundle; every file has to match its manifest.
        options: Means and bounds.

    Raises:
        InvalidBundle: The bundle is not as it was exported.
        ProviderUnavailable: A provider that was asked for is not active.
    """
    model = open_model(load_bundle(bundle_dir), options)
    return model.engine(model.conditions, model.query_embeddings())
