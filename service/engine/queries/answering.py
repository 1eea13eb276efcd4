"""Questions answered on one recording: leaves put to the model at once, answers composed."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ecg_core.asking.composing import Answer, Composer, Leaf, LeafAnswers
from ecg_core.asking.gate import ScopeClassifier
from ecg_core.asking.measuring import Measurements
from ecg_core.calibration import Familiarity
from ecg_core.checkpoint import Checkpoint, no_checkpoint
from ecg_core.conditions.question import (
    Described,
    KnownCondition,
    Not,
    NotAnswerable,
    Question,
    UnanswerableReason,
    leaves,
)
from service.engine.inference.protocols import Fusion
from service.engine.queries.conditions import KnownCondition as HeldCondition
from service.engine.queries.embeddings import AskedQuery, QueryEmbeddings
from service.engine.queries.familiarity import FamiliarityClassifier, NearestTrained
from service.engine.trust import Trust


@dataclass(frozen=True, slots=True)
class Answered:
    """A query and its answer.

    Attributes:
        query: What was asked.
        answer: Its log odds, or why there are none.
        nearest: Of the least familiar of what it asks for; None where no condition is compared.
        familiarity: How familiar the model is with all of it.
        calibrated: Whether its probability was fitted on recordings with this condition.
    """

    query: AskedQuery
    answer: Answer
    nearest: NearestTrained | None
    familiarity: Familiarity
    calibrated: bool


class QuestionAnswerer:
    """Answers questions with one bundle; safe to call from several threads."""

    def __init__(
        self,
        composer: Composer,
        conditions: Iterable[HeldCondition],
        embeddings: QueryEmbeddings,
        familiarity: FamiliarityClassifier,
        whole: Trust,
        fusion: Fusion,
        gate: ScopeClassifier | None = None,
    ) -> None:
        self.composer = composer
        self._conditions = {condition.id: condition for condition in conditions}
        self.embeddings = embeddings
        self._familiarity = familiarity
        self._whole = whole
        self.fusion = fusion
        self.gate = gate
        self._signs: dict[str, NDArray[np.float32]] = {}

    def embed(
        self, queries: Sequence[AskedQuery], checkpoint: Checkpoint = no_checkpoint
    ) -> "PreparedLeaves":
        """All that has to be put to the model for these queries, with its embeddings."""
        needed = dict.fromkeys(
            leaf for query in queries for leaf in sorted(self.composer.needs(query.asked), key=repr)
        )
        registered = {q.asked.text: q.condition for q in queries if isinstance(q.asked, Described)}
        asked = {leaf: self._query(leaf, registered) for leaf in needed if leaf.sign is None}
        embedded: dict[Leaf, NDArray[np.float32]] = {}
        if asked:
            rows = self.embeddings.get(list(asked.values()), checkpoint)
            embedded = dict(zip(asked, rows, strict=True))
        for leaf in needed:
            if leaf.sign is not None:
                embedded[leaf] = self._sign(leaf.sign)
        nearest = self._familiarity.classify(
            list(asked.values()), np.stack([embedded[leaf] for leaf in asked])
        ) if asked else []  # fmt: skip
        return PreparedLeaves(embedded, dict(zip(asked, nearest, strict=True)))

    def answer(
        self,
        queries: Sequence[AskedQuery],
        prepared: "PreparedLeaves",
        features: NDArray[np.float32],
        measurements: Measurements,
        trust: Trust | None = None,
        checkpoint: Checkpoint = no_checkpoint,
    ) -> list[Answered]:
        """The answer to each query, from that query and the recording alone.

        Args:
            queries: What is asked.
            prepared: Of these queries.
            features: Of the recording, shape (window, token, dimension).
            measurements: Of the recording.
            trust: What can be said of the recording; None: all, it is whole.
            checkpoint: May raise between steps.
        """
        trust = trust or self._whole
        log_odds = self.log_odds(prepared, features, trust, checkpoint)
        answers = LeafAnswers(log_odds, measurements, trust.leaves, trust.composes)
        return [self._answered(query, prepared, answers, trust) for query in queries]

    def log_odds(
        self,
        prepared: "PreparedLeaves",
        features: NDArray[np.float32],
        trust: Trust | None = None,
        checkpoint: Checkpoint = no_checkpoint,
    ) -> Mapping[Leaf, float]:
        """What the model says of each leaf, calibrated; arguments as for `answer`."""
        order = list(prepared.embeddings)
        if not order:
            return {}
        embeddings = np.stack([prepared.embeddings[leaf] for leaf in order])
        asked = self.fusion.asked(order, embeddings)
        logits = self.fusion.logits(features, asked, checkpoint)
        nearest = [prepared.nearest.get(leaf) for leaf in order]
        # Signs were trained on as conditions were.
        known = np.array([s is None or s.familiarity == "known" for s in nearest])
        similarities = np.array([1.0 if s is None else s.similarity for s in nearest])
        calibration = (trust or self._whole).calibration
        odds = calibration.log_odds(logits, known, similarities)
        return dict(zip(order, odds.tolist(), strict=True))

    def _answered(
        self, query: AskedQuery, prepared: "PreparedLeaves", answers: LeafAnswers, trust: Trust
    ) -> Answered:
        question = query.asked
        if self._is_out_of_scope(query, prepared):
            question = NotAnswerable(UnanswerableReason.NOT_A_FINDING)
        answer = self.composer.answer(question, answers)
        nearest = _nearest(question, prepared)
        known: Familiarity = "known" if nearest is None else nearest.familiarity
        if isinstance(question, NotAnswerable):
            known = "unseen"
        positive = question.part if isinstance(question, Not) else question
        calibrated = (
            isinstance(positive, KnownCondition)
            and known == "known"
            and (trust.calibrated is None or positive.id in trust.calibrated)
        )
        return Answered(query, answer, nearest, known, calibrated)

    def _is_out_of_scope(self, query: AskedQuery, prepared: "PreparedLeaves") -> bool:
        """Whether a text of which nothing was read is none that an ECG answers."""
        question = query.asked.part if isinstance(query.asked, Not) else query.asked
        if self.gate is None or not isinstance(question, Described) or question.parts:
            return False
        if query.condition is not None:  # somebody registered it
            return False
        return not self.gate.is_in_scope(prepared.embeddings[Leaf(text=question.text)])

    def _query(self, leaf: Leaf, registered: Mapping[str, HeldCondition | None]) -> AskedQuery:
        if leaf.condition is not None:
            held = self._conditions[leaf.condition]
            return AskedQuery(held.name, held.name, held)
        text = leaf.text or ""
        return AskedQuery(text, text, registered.get(text))

    def _sign(self, name: str) -> NDArray[np.float32]:
        found = self._signs.get(name)
        if found is None:
            found = self._signs[name] = self.embeddings.embed_term(name)
        return found


@dataclass(frozen=True, eq=False, slots=True)
class PreparedLeaves:
    """Embeddings of leaves, unit vectors, and what was trained nearest to conditions and texts."""

    embeddings: Mapping[Leaf, NDArray[np.float32]]
    nearest: Mapping[Leaf, NearestTrained]


_LEAST_FIRST = {"unseen": 0, "near": 1, "known": 2}


def _nearest(question: Question, prepared: PreparedLeaves) -> NearestTrained | None:
    """Of the least familiar condition or text (a text only where nothing was read)."""
    found = []
    for leaf in leaves(question):
        if isinstance(leaf, KnownCondition):
            found.append(prepared.nearest[Leaf(condition=leaf.id)])
        elif isinstance(leaf, Described) and (leaf.unread or not leaf.parts):
            found.append(prepared.nearest[Leaf(text=leaf.text)])
    return min(found, key=lambda s: (_LEAST_FIRST[s.familiarity], s.similarity), default=None)
