"""The texts that measure how queries are read, and those of them that training may use.

They are `data/words_conditions.toml` and `data/words_texts.toml`; of each list of texts the first
third may be used in training, and only the rest is measured. The reader has been mended by the
rest since; `data/words_fresh.toml` has texts that nothing was mended by.
"""

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib import resources
from typing import Any

from ecg_core.conditions import Catalogue

FRESH_KINDS = ("lay", "waveform", "german")
_BENCHMARK_SETS = ("ptbxl_super", "ptbxl_sub", "ptbxl_form", "ptbxl_rhythm")


@cache
def condition_texts() -> Mapping[str, Mapping[str, tuple[str, ...]]]:
    """Lay sentences and waveform descriptions by condition; the first of each may be trained on."""
    entries = _read("words_conditions.toml")["condition"]
    return {e["id"]: {"lay": tuple(e["lay"]), "waveform": tuple(e["waveform"])} for e in entries}


@cache
def fresh_texts() -> Mapping[str, Mapping[str, tuple[str, ...]]]:
    """A text of each kind by condition that chose and mended nothing."""
    entries = _read("words_fresh.toml")["condition"]
    return {e["id"]: {kind: (e[kind],) for kind in FRESH_KINDS} for e in entries}


def texts_of(condition_id: str, kind: str) -> tuple[str, ...]:
    """Those of a condition; none for a class that has too few positives in fold 10."""
    return condition_texts().get(condition_id, {}).get(kind, ())


@cache
def listed_texts() -> dict[str, Any]:
    """The lists that belong to no condition."""
    return _read("words_texts.toml")


def training_texts() -> Iterator[str]:
    """The texts of ECG findings that training may use: the first third of each list."""
    for condition_id in condition_texts():
        yield from training_texts_of(condition_id)
    yield from _first_third("in_scope")


def measured_texts() -> Iterator[str]:
    """The texts that measure how queries are read, and that training never sees."""
    for said in condition_texts().values():
        for texts in said.values():
            yield from held_out(texts)
    for said in fresh_texts().values():
        for texts in said.values():
            yield from texts
    for name in ("in_scope", "out_of_scope"):
        yield from held_out(listed_texts()[name])


def training_texts_of(condition_id: str) -> Iterator[str]:
    """Those of one condition."""
    for texts in condition_texts().get(condition_id, {}).values():
        yield from texts[: len(texts) // 3]


def held_out_waveforms(condition_id: str) -> tuple[str, ...]:
    """Descriptions of a condition's waveform that training never sees; none of a rare one."""
    return held_out(texts_of(condition_id, "waveform"))


def third_party_texts(prompts: Mapping[str, str]) -> dict[str, str]:
    """Descriptions of somebody else by condition; the first that a class of a condition has.

    Args:
        prompts: By the benchmark's class.
    """
    catalogue, found = Catalogue.load(), dict[str, str]()
    for name in _BENCHMARK_SETS:
        for class_name, text in prompts.items():
            condition = catalogue.by_class(name, class_name)
            if condition is not None:
                found.setdefault(condition.id, text)
    return found


def training_texts_out_of_scope() -> tuple[str, ...]:
    """The texts that no ECG answers and that training may use."""
    return _first_third("out_of_scope")


def _first_third(name: str) -> tuple[str, ...]:
    texts = listed_texts()[name]
    return tuple(texts[: len(texts) // 3])


def held_out(texts: Sequence[str]) -> tuple[str, ...]:
    """The texts of a list that training never sees."""
    return tuple(texts[len(texts) // 3 :])


def _read(name: str) -> dict[str, Any]:
    file = resources.files("model_training.data").joinpath(name)
    return tomllib.loads(file.read_text(encoding="utf-8"))
