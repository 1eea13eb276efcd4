"""From the codes that a source gives its recordings to labels by condition."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from ecg_core.conditions import Catalogue, Condition

Codes = frozenset[str]
Lookup = Callable[[str], Condition | None]


@dataclass(frozen=True)
class CodeSystem:
    """What the codes of one source mean, and how much their absence says.

    Attributes:
        lookup: The catalogue's condition of a code, if it has one.
        documented: Ids of conditions that the source states to label throughout, whether or not
            a recording at hand has them.
        positive_only: Ids of conditions that the source mentions only now and then: where it is
            silent about one of them, that says nothing.
        one_of: Ids of conditions one of which every recording has, such as the rhythms: where a
            recording has none of them, the source is silent about all of them.
    """

    lookup: Lookup
    documented: frozenset[str] = frozenset()
    positive_only: frozenset[str] = frozenset()
    one_of: frozenset[str] = frozenset()


@dataclass(frozen=True, eq=False)
class Labels:
    """Labels by condition.

    Attributes:
        conditions: Ids in the catalogue's order.
        targets: Shape (recording, condition), float32: 1 yes, 0 no, NaN not said.
        unmapped: Codes that stand for no condition of the catalogue, with their number.
    """

    conditions: tuple[str, ...]
    targets: NDArray[np.float32]
    unmapped: Mapping[str, int] = field(default_factory=dict)


def snomed_system(
    catalogue: Catalogue,
    *,
    meanings: Mapping[str, str] = MappingProxyType({}),
    documented: Iterable[str] = (),
    positive_only: Iterable[str] = (),
) -> CodeSystem:
    """SNOMED CT codes.

    Args:
        catalogue: Has the codes' usual meanings.
        meanings: Condition ids of codes that this source uses in another sense.
        documented: As in `CodeSystem`.
        positive_only: As in `CodeSystem`.
    """
    other = {code: catalogue.get(condition_id) for code, condition_id in meanings.items()}
    return CodeSystem(
        lambda code: other.get(code) or catalogue.by_snomed(code),
        frozenset(documented),
        frozenset(positive_only),
    )


def class_system(catalogue: Catalogue, meanings: Mapping[str, str]) -> CodeSystem:
    """A short list of classes, all of which the source labels throughout.

    Args:
        catalogue: Holds the conditions.
        meanings: Condition id of each class.
    """
    conditions = {name: catalogue.get(condition_id) for name, condition_id in meanings.items()}
    return CodeSystem(conditions.get, frozenset(meanings.values()))


def conditions_of_set(catalogue: Catalogue, benchmark_set: str) -> dict[str, str]:
    """Class name -> condition id, of one of the benchmark's label sets."""
    return {
        class_name: condition.id
        for condition in catalogue.conditions
        for set_name, class_name in condition.classes
        if set_name == benchmark_set
    }


def labels_of(codes: Sequence[Codes | None], system: CodeSystem, catalogue: Catalogue) -> Labels:
    """Label recordings of one source.

    A condition is 1 where a recording has its code or that of a narrower condition. It is 0 where
    the recording is labelled at all and the source uses the condition's own code somewhere (or is
    documented to), unless `positive_only` or `one_of` say otherwise. All else is NaN.

    Args:
        codes: Each recording's codes; None where it is not labelled.
        system: What the codes mean.
        catalogue: Says which conditions are narrower.
    """
    meaning = {code: system.lookup(code) for held in codes for code in held or ()}
    counts = Counter(code for held in codes for code in held or () if meaning[code] is None)
    own = {condition.id for condition in meaning.values() if condition is not None}
    positives = [_positives(held, meaning, catalogue) for held in codes]
    denied = (own | system.documented) - system.positive_only
    used = denied.union(own, *positives)
    order = tuple(condition.id for condition in catalogue.conditions if condition.id in used)
    column = {condition_id: number for number, condition_id in enumerate(order)}
    silent = np.array([0.0 if name in denied else np.nan for name in order], dtype=np.float32)
    undecided = silent.copy()
    undecided[[column[name] for name in system.one_of if name in column]] = np.nan
    targets = np.full((len(codes), len(order)), np.nan, dtype=np.float32)
    for row, (held, present) in enumerate(zip(codes, positives, strict=True)):
        if held is not None:
            targets[row] = silent if present & system.one_of else undecided
            targets[row, [column[name] for name in present]] = 1.0
    return Labels(order, targets, dict(counts.most_common()))


def _positives(
    held: Codes | None, meaning: Mapping[str, Condition | None], catalogue: Catalogue
) -> set[str]:
    named = [condition for code in held or () if (condition := meaning[code]) is not None]
    broader = (wider for condition in named for wider in catalogue.ancestors(condition.id))
    return {condition.id for condition in (*named, *broader)}


def pooled(parts: Sequence[Labels], catalogue: Catalogue) -> Labels:
    """Labels of several sources, one below the other; NaN where a source has no such condition."""
    used = {name for part in parts for name in part.conditions}
    order = tuple(condition.id for condition in catalogue.conditions if condition.id in used)
    rows = []
    for part in parts:
        block = np.full((len(part.targets), len(order)), np.nan, dtype=np.float32)
        block[:, [order.index(name) for name in part.conditions]] = part.targets
        rows.append(block)
    unmapped = sum((Counter(part.unmapped) for part in parts), Counter[str]())
    return Labels(order, np.concatenate(rows), dict(unmapped.most_common()))
