"""One fold of a trained run, ready to be asked."""

from functools import cached_property

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from ecg_core.conditions import Catalogue, Condition
from model_training.data.labelled import TEST_FOLD
from model_training.data.releases.benchmark import RHYTHM_SET
from model_training.run.workbench import Workbench

_BATCH = 128


class EvaluatedFold:
    """A fold's recordings and label sets; fold 10 but where something is still to be chosen."""

    def __init__(self, bench: Workbench, number: int = TEST_FOLD) -> None:
        self.bench = bench
        self.number = number
        self.catalogue = Catalogue.load()
        recordings = bench.recordings
        self.rows = recordings.rows(number)
        self.ecg_ids = recordings.ecg_ids[self.rows]
        self.windows = bench.stored_windows(number)

    @cached_property
    def targets(self) -> NDArray[np.float32]:
        """What is trained and calibrated on, shape (recording, condition); NaN: not said."""
        return self.bench.recordings.targets[self.rows]

    @cached_property
    def published(self) -> NDArray[np.float32]:
        """The labels that judge, as they are published; the same shape."""
        return self.bench.recordings.published[self.rows]

    @cached_property
    def known_logits(self) -> NDArray[np.float64]:
        """The trained conditions asked by name and description, shape (recording, condition)."""
        return self.logits(self.bench.asked.numpy())

    @cached_property
    def features(self) -> Tensor:
        """What every query is put to: made once, for measuring signs takes longer than asking."""
        network = self.bench.network.eval()
        with torch.inference_mode():
            return torch.cat([network.read(batch) for batch in self.windows.split(_BATCH)])

    def logits(self, queries: NDArray[np.float32]) -> NDArray[np.float64]:
        """Of what `bench.queries` made, shape (recording, query)."""
        asked_for, fusion = torch.from_numpy(queries), self.bench.network.fusion
        with torch.inference_mode():
            logits = torch.cat([fusion(batch, asked_for) for batch in self.features.split(_BATCH)])
        asked: NDArray[np.float64] = logits.double().numpy()
        return asked

    def labels(
        self, name: str, *, everyone: bool = False
    ) -> tuple[NDArray[np.bool_], NDArray[np.intp], list[Condition]]:
        """A set's labels (recording, class), its recordings' rows in this fold, its conditions.

        Args:
            name: The set.
            everyone: Take the fold's recordings that are not in the set as negative, too; not of
                rhythms, for who has no rhythm statement has a rhythm all the same.

        Raises:
            ValueError: A recording of the set with a waveform here would not be evaluated.
        """
        table = self.bench.recordings.benchmark[name]
        if everyone and name != RHYTHM_SET:
            table = table.reindex(table.index.union(pd.Index(self.ecg_ids)), fill_value=0)
        inside = np.flatnonzero(np.isin(self.ecg_ids, table.index.to_numpy()))
        labels = table.loc[self.ecg_ids[inside]].to_numpy().astype(bool)
        conditions = [self.catalogue.by_class(name, column) for column in table.columns]
        if None in conditions or len(labels) != len(inside):
            raise ValueError(f"{name}: not every recording and class would be evaluated")
        return labels, inside, [condition for condition in conditions if condition]
