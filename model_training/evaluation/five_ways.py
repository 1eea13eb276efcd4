"""Conditions that were left out, asked in five ways, read and composed as the service does.

By its signs a condition is asked as the catalogue states it. In all other ways it is a text that
means nothing the catalogue knows: the left-out conditions are taken out of what the reader reads,
so that no name leads back to the catalogue's signs. What the reader does read (signs,
measurements, conditions that were trained) is composed with the text's own answer.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ecg_core.asking.composing import Composer, Leaf, LeafAnswers
from ecg_core.asking.measuring import MeasuredValue
from ecg_core.asking.recorded_measurements import RecordedMeasurements
from ecg_core.asking.rule import CompositionRule
from ecg_core.calibration import Calibration
from ecg_core.conditions import Catalogue, Condition
from ecg_core.conditions.lexicon import Lexicon
from ecg_core.conditions.question import (
    AllOf,
    AnyOf,
    Described,
    KnownCondition,
    Not,
    NotAnswerable,
    Question,
    UnanswerableReason,
    leaves,
)
from ecg_core.conditions.reading import QuestionReader
from ecg_core.errors import InvalidQuery
from ecg_core.preprocessing import PreprocessingSpec
from ecg_core.signs import SIGNS
from ecg_core.signs.measurements import measure_window
from model_training.data.releases.ptb_xl_benchmark import BENCHMARK
from model_training.evaluation.words import held_out_waveforms, third_party_texts
from model_training.text.asking import Queries

BY_SIGNS = "by_signs"
WAYS = (BY_SIGNS, "by_name", "by_description", "by_waveform", "by_third_party")
_LONGEST = 2000  # characters: a list of names is long
_REMEMBERED = 2048


@dataclass(frozen=True, slots=True)
class Asking:
    """One question of one condition.

    Attributes:
        condition: Its number among those that are asked.
        text: How it is asked; None: by the signs that the catalogue states.
        question: How that is read.
    """

    condition: int
    text: str | None
    question: Question


def read_prompts(shared: Path) -> Mapping[str, str]:
    """Descriptions by somebody else, by condition id; none without the benchmark's file."""
    file = shared / BENCHMARK / "ckepe_prompts.json"
    return third_party_texts(json.loads(file.read_text())) if file.is_file() else {}


class FiveWays:
    """What is asked of conditions that a training left out, and how it is answered."""

    def __init__(
        self,
        trained: Sequence[str],
        hidden: frozenset[str],
        prompts: Mapping[str, str],
        rule: CompositionRule | None = None,
    ) -> None:
        """Reads nothing yet.

        Args:
            trained: Ids of the conditions that answer for themselves.
            hidden: Ids of those that no text may name.
            prompts: Descriptions by somebody else, by condition id.
            rule: How parts make a whole; None: as the service does it.
        """
        self._catalogue = Catalogue.load()
        self._hidden, self._prompts = hidden, prompts
        self._reader = QuestionReader(Lexicon(self._catalogue, [s.wordings for s in SIGNS]))
        self._composer = Composer(self._catalogue, trained, rule or CompositionRule())

    def askings(self, conditions: Sequence[Condition]) -> Mapping[str, list[Asking]]:
        """What is asked, by way; a condition without a text of a way is not asked so."""
        by_signs = [Asking(n, None, KnownCondition(c.id)) for n, c in enumerate(conditions)]
        return {BY_SIGNS: by_signs} | {
            way: [
                Asking(number, text, self.read(text))
                for number, condition in enumerate(conditions)
                for text in self._texts(condition, way)
            ]
            for way in WAYS[1:]
        }

    def _texts(self, condition: Condition, way: str) -> tuple[str, ...]:
        match way:
            case "by_name":
                return (condition.name,)
            case "by_description":
                return (condition.description,)
            case "by_waveform":
                return held_out_waveforms(condition.id)
            case _:
                return (self._prompts[condition.id],) if condition.id in self._prompts else ()

    def read(self, text: str) -> Question:
        """As the service reads it, but what is hidden is a text; so is what it would refuse."""
        try:
            question = self._reader.read(text, max_characters=_LONGEST).question
        except InvalidQuery:
            return Described(text)
        return self._without_hidden(question, text)

    def _without_hidden(self, question: Question, text: str) -> Question:
        match question:
            case KnownCondition(condition_id) if condition_id in self._hidden:
                return Described(text)
            case NotAnswerable():
                return Described(text)
            case Not(part):
                return Not(self._without_hidden(part, text))
            case AllOf(parts):
                return AllOf(tuple(self._named(part) for part in parts))
            case AnyOf(parts):
                return AnyOf(tuple(self._named(part) for part in parts))
            case Described():
                kept = tuple(each for each in question.parts if not self._is_hidden(each.part))
                return Described(question.text, kept, question.unread)
            case _:
                return question

    def _named(self, part: Question) -> Question:
        name = next((self._catalogue.get(i).name for i in _conditions(part)), "")
        return self._without_hidden(part, name)

    def _is_hidden(self, part: Question) -> bool:
        return any(i in self._hidden for i in _conditions(part))

    def needs(self, askings: Mapping[str, Sequence[Asking]]) -> list[Leaf]:
        """All that has to be put to a method."""
        questions = [each.question for way in askings.values() for each in way]
        needed = {leaf for question in questions for leaf in self._composer.needs(question)}
        return sorted(needed, key=repr)

    def rows(self, needed: Sequence[Leaf], queries: Queries) -> NDArray[np.float32]:
        """What is put to a method, shape (leaf, width), each leaf as the service asks it."""
        found: dict[Leaf, NDArray[np.float32]] = {}
        for kind, embed in (
            ("condition", lambda ids: queries.conditions([*map(self._catalogue.get, ids)])),
            ("sign", queries.signs),
            ("text", queries.free_texts),
        ):
            chosen = [leaf for leaf in needed if getattr(leaf, kind) is not None]
            if chosen:
                rows = embed([getattr(leaf, kind) for leaf in chosen])
                found |= dict(zip(chosen, rows, strict=True))
        return np.stack([found[leaf] for leaf in needed])

    def answers(
        self,
        askings: Sequence[Asking],
        needed: Sequence[Leaf],
        logits: NDArray[np.float32],
        calibration: Calibration,
        measured: Sequence["OnDemand"],
    ) -> NDArray[np.float32]:
        """Log odds of each question, shape (recording, question); NaN where none can be given.

        Args:
            askings: The questions.
            needed: What was put to the method.
            logits: Its answers, shape (recording, leaf).
            calibration: Of the method, so that the rule composes log odds whatever it gives.
            measured: Measurements of each recording.
        """
        odds = logits / calibration.temperature + calibration.bias
        rows = []
        for values, measurements in zip(odds, measured, strict=True):
            one = LeafAnswers(dict(zip(needed, values.tolist(), strict=True)), measurements)
            given = [self._composer.answer(each.question, one).log_odds for each in askings]
            rows.append([np.nan if value is None else value for value in given])
        return np.array(rows, dtype=np.float32).reshape(len(odds), len(askings))


def _conditions(question: Question) -> Iterator[str]:
    yield from (each.id for each in leaves(question) if isinstance(each, KnownCondition))


@dataclass(frozen=True, slots=True)
class OnDemand:
    """Measurements of a recording, taken when the first question asks for one.

    Attributes:
        window: The recording's, shape (lead, sample).
        spec: What it was prepared with.
    """

    window: NDArray[np.float32]
    spec: PreprocessingSpec

    def get(self, quantity: str, lead: str | None) -> MeasuredValue | UnanswerableReason:
        """See `ecg_core.asking.measuring.Measurements`."""
        return self._taken.get(quantity, lead)

    def sign(self, name: str) -> float | None:
        """See `ecg_core.asking.measuring.Measurements`."""
        return self._taken.sign(name)

    @property
    def _taken(self) -> RecordedMeasurements:
        return _measured(self.window.tobytes(), self.window.shape, self.spec)


@lru_cache(maxsize=_REMEMBERED)  # each method is asked on the same recordings
def _measured(
    window: bytes, shape: tuple[int, ...], spec: PreprocessingSpec
) -> RecordedMeasurements:
    samples = np.frombuffer(window, dtype=np.float32).reshape(shape)
    return RecordedMeasurements(*measure_window(samples, spec))
