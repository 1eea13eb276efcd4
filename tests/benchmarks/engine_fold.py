"""One fold's recordings put to the shipped bundle: each is encoded and measured once."""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit
from tqdm import tqdm

from ecg_core.asking.composing import LeafAnswers
from ecg_core.asking.measuring import MeasuredValue
from ecg_core.asking.recorded_measurements import RecordedMeasurements
from ecg_core.conditions import Catalogue
from ecg_core.errors import InvalidQuery
from ecg_core.preprocessing import PreparedRecording
from ecg_core.signs.measurements import measure_with_signs
from model_training.data.labelled import LabelledRecordings
from model_training.run.config import Run, load_config
from model_training.run.recordings import load_recordings
from service.engine.diagnosis import DiagnosisEngine
from service.engine.queries.answering import Answered, PreparedLeaves
from service.engine.queries.embeddings import AskedQuery
from tests.benchmarks.words_figures import AskedClass

_SETS = ("ptbxl_super", "ptbxl_sub", "ptbxl_form", "ptbxl_rhythm")
LEAST_POSITIVES = 5


@dataclass(frozen=True, eq=False)
class EngineFold:
    """A fold as the engine sees it.

    Attributes:
        engine: The engine.
        recordings: All recordings with their labels.
        rows: Which of them are in the fold.
        features: Of each, shape (window, token, dimension).
        measured: Of each.
    """

    engine: DiagnosisEngine
    recordings: LabelledRecordings
    rows: NDArray[np.intp]
    features: Sequence[NDArray[np.float32]] = field(repr=False)
    measured: Sequence[RecordedMeasurements] = field(repr=False)

    def ask(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Probabilities, shape (recording, text); NaN where a text is refused or not answered."""
        queries = [self.understood(text) for text in texts]
        # The same question in many words is put once: its answer is the same.
        different: dict[tuple[object, object], AskedQuery] = {}
        for query in queries:
            if query is not None:
                different.setdefault(_meaning(query), query)
        found = np.full((len(self.rows), len(texts)), np.nan)
        if not different:
            return found
        place = {meaning: number for number, meaning in enumerate(different)}
        answers = self._answers(list(different.values()))
        for column, query in enumerate(queries):
            if query is not None:
                found[:, column] = answers[:, place[_meaning(query)]]
        return found

    def understood(self, text: str) -> AskedQuery | None:
        """A text as the service reads it; None where it is refused."""
        try:
            return self.engine.resolver.resolve([text])[0]
        except InvalidQuery:
            return None

    def all_conditions(self) -> tuple[list[AskedQuery], NDArray[np.float64]]:
        """What is answered where nothing is asked: shape (recording, condition)."""
        queries = self.engine.resolver.resolve([])
        return queries, self._answers(queries)

    def log_odds(self, prepared: PreparedLeaves) -> list[LeafAnswers]:
        """What the model says of each recording, before anything is composed."""
        answerer = self.engine.answerer
        return [
            LeafAnswers(answerer.log_odds(prepared, features), measured)
            for features, measured in zip(self.features, self.measured, strict=True)
        ]

    def classes(self) -> list[AskedClass]:
        """The benchmark's classes with enough positives in the fold."""
        catalogue, ids = Catalogue.load(), self.recordings.ecg_ids[self.rows]
        found: dict[str, AskedClass] = {}
        for name in _SETS:
            table = self.recordings.benchmark[name]
            inside = np.flatnonzero(np.isin(ids, table.index.to_numpy()))
            labels = table.loc[ids[inside]].to_numpy().astype(bool)
            for column, class_name in enumerate(table.columns):
                condition = catalogue.by_class(name, class_name)
                if condition and labels[:, column].sum() >= LEAST_POSITIVES:
                    asked = AskedClass(condition, inside, labels[:, column])
                    found.setdefault(condition.id, asked)
        return list(found.values())

    def targets(self) -> Mapping[str, NDArray[np.float32]]:
        """Labels by condition, each of shape (recording,); NaN where nothing is said."""
        columns = self.recordings.targets[self.rows].T
        return dict(zip(self.recordings.conditions, columns, strict=True))

    def values(self, quantity: str) -> NDArray[np.float64]:
        """What was measured, shape (recording,); NaN where it could not be."""
        taken = [one.get(quantity, None) for one in self.measured]
        values = [one.value if isinstance(one, MeasuredValue) else np.nan for one in taken]
        return np.array(values, dtype=np.float64)

    def _answers(self, queries: Sequence[AskedQuery]) -> NDArray[np.float64]:
        prepared = self.engine.answerer.embed(queries)
        rows = [
            _probabilities(self.engine.answerer.answer(queries, prepared, f, m))
            for f, m in zip(self.features, self.measured, strict=True)
        ]
        return np.stack(rows)


def open_fold(engine: DiagnosisEngine, recordings: LabelledRecordings, number: int) -> EngineFold:
    """Encode and measure a fold's recordings.

    Args:
        engine: What answers.
        recordings: Prepared as its bundle prepares them.
        number: Of the fold.
    """
    spec, rows = engine.preprocessing, recordings.rows(number)
    features, measured = [], []
    for row in tqdm(rows, desc=f"fold {number}"):
        windows = recordings.windows[row][None].astype(np.float32)
        prepared = PreparedRecording(windows, (), (), (0.0,))
        measurements, signs = measure_with_signs(prepared, windows, spec)
        features.append(engine.ecg_encoder.encode(windows, signs))
        measured.append(RecordedMeasurements(measurements, signs))
    return EngineFold(engine, recordings, rows, features, measured)


def add_fold_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of programs that read folds."""
    config = Path("model_training/recipes/configs/ptbxl_tokens.yaml")
    parser.add_argument("--config", type=Path, default=config, help="names the recordings")
    parser.add_argument("--shared", type=Path, required=True, help="folder with ptb-xl/ and so on")
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="folder for all runs")


def recordings_of(arguments: argparse.Namespace) -> LabelledRecordings:
    """The recordings that the arguments name; they are prepared first, unless they were."""
    config = load_config(arguments.config)
    return load_recordings(Run(config, arguments.shared, arguments.runs / config.name))


def _meaning(query: AskedQuery) -> tuple[object, object]:
    return query.asked, query.condition and query.condition.id


def _probabilities(answered: Sequence[Answered]) -> NDArray[np.float64]:
    odds = [np.nan if a.answer.log_odds is None else a.answer.log_odds for a in answered]
    return np.asarray(expit(np.array(odds, dtype=np.float64)))
