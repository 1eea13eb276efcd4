"""From the codes that a source gives its recordings to labels by condition."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ecg_core.conditions import Catalogue, Condition
from model_training.entities.labels.scp import DOUBT, plain_code

# A code that ends in `DOUBT` is one that its source only suspects.
Codes = frozenset[str]
# What a source says that neither affirms nor denies; NaN in the labels of a run.
UNCERTAIN = np.float32(0.5)
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
        affirms_broader: Whether a code affirms the broader conditions, too.
        is_complete: Whether every code must stand for a condition.
    """

    lookup: Lookup
    documented: frozenset[str] = frozenset()
    positive_only: frozenset[str] = frozenset()
    one_of: frozenset[str] = frozenset()
    affirms_broader: bool = True
    is_complete: bool = False


@dataclass(frozen=True, eq=False)
class Labels:
    """Labels by condition.

    Attributes:
        conditions: Ids in the catalogue's order.
        targets: Shape (recording, condition), float32: 1 yes, 0 no, `UNCERTAIN`, NaN not said.
        unmapped: Codes that stand for no condition of the catalogue, with their number.
        denies: Whether a 0 is a denial in words; else it is what the source is silent about.
    """

    conditions: tuple[str, ...]
    targets: NDArray[np.float32]
    unmapped: Mapping[str, int] = field(default_factory=dict)
    denies: bool = False


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


def labels_of(
    codes: Sequence[Codes | None],
    system: CodeSystem,
    catalogue: Catalogue,
    *,
    doubt_is_yes: bool = False,
) -> Labels:
    """Label recordings of one source.

    A condition is 1 where a recording has its code or that of a narrower condition. It is uncertain
    where its code, or that of a narrower condition, is only suspected and nothing affirms it. It is
    0 where the recording is labelled at all and the source uses the condition's own code somewhere
    (or is documented to), unless `positive_only` or `one_of` say otherwise. All else is NaN.

    Args:
        codes: Each recording's codes; None where it is not labelled.
        system: What the codes mean.
        catalogue: Says which conditions are narrower.
        doubt_is_yes: Take what is only suspected as if it were sure.

    Raises:
        ValueError: Codes of a complete system stand for no condition; all are named.
    """
    said = [_Said.of(held or frozenset(), doubt_is_yes=doubt_is_yes) for held in codes]
    meaning = {code: system.lookup(code) for one in said for code in (*one.sure, *one.doubted)}
    counts = Counter(c for one in said for c in (*one.sure, *one.doubted) if meaning[c] is None)
    if system.is_complete and counts:
        raise ValueError(f"codes that stand for no condition: {', '.join(sorted(counts))}")
    own = {condition.id for condition in meaning.values() if condition is not None}
    wider = catalogue if system.affirms_broader else None
    positives = [_conditions(one.sure, meaning, wider) for one in said]
    doubts = [
        _conditions(one.doubted, meaning, catalogue) - _conditions(one.sure, meaning, catalogue)
        for one in said
    ]
    denied = (own | system.documented) - system.positive_only
    used = denied.union(own, *positives, *doubts)
    order = tuple(condition.id for condition in catalogue.conditions if condition.id in used)
    column = {condition_id: number for number, condition_id in enumerate(order)}
    silent = np.array([0.0 if name in denied else np.nan for name in order], dtype=np.float32)
    undecided = silent.copy()
    undecided[[column[name] for name in system.one_of if name in column]] = np.nan
    targets = np.full((len(codes), len(order)), np.nan, dtype=np.float32)
    for row, (held, present, doubted) in enumerate(zip(codes, positives, doubts, strict=True)):
        if held is not None:
            targets[row] = silent if (present | doubted) & system.one_of else undecided
            targets[row, [column[name] for name in doubted]] = UNCERTAIN
            targets[row, [column[name] for name in present]] = 1.0
    return Labels(order, targets, dict(counts.most_common()))


class _Said(NamedTuple):
    """The codes of a recording by how sure they are, without the mark of doubt."""

    sure: Codes
    doubted: Codes

    @classmethod
    def of(cls, held: Codes, *, doubt_is_yes: bool) -> "_Said":
        doubted = frozenset(plain_code(code) for code in held if code.endswith(DOUBT))
        sure = frozenset(code for code in held if not code.endswith(DOUBT))
        return cls(sure | doubted, frozenset()) if doubt_is_yes else cls(sure, doubted - sure)


def _conditions(
    codes: Codes, meaning: Mapping[str, Condition | None], catalogue: Catalogue | None
) -> set[str]:
    """Conditions that the codes stand for; without a catalogue, not the broader ones."""
    named = [condition for code in codes if (condition := meaning[code]) is not None]
    if catalogue is None:
        return {condition.id for condition in named}
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


def heard_first(said: Sequence[Labels], catalogue: Catalogue) -> Labels:
    """Labels of the same recordings by several sources: the first that says something is heard.

    Args:
        said: What each source says, one row a recording, in the order of their precedence.
        catalogue: Gives the order of conditions.
    """
    columns: dict[str, NDArray[np.float32]] = {}
    for labels in said:
        for name, values in zip(labels.conditions, labels.targets.T, strict=True):
            earlier = columns.get(name)
            columns[name] = (
                values if earlier is None else np.where(np.isnan(earlier), values, earlier)
            )
    order = tuple(c.id for c in catalogue.conditions if c.id in columns)
    rows = len(said[0].targets) if said else 0
    together = [columns[name] for name in order]
    targets = np.stack(together, axis=1) if order else np.empty((rows, 0), np.float32)
    unmapped = sum((Counter(labels.unmapped) for labels in said), Counter[str]())
    return Labels(order, targets.astype(np.float32), dict(unmapped.most_common()))


@dataclass(frozen=True, eq=False)
class Settled:
    """What several sources say of the same recordings, in one voice.

    Attributes:
        labels: Of yes, no and NaN; nowhere a narrower condition yes and a broader one no.
        contradicted: Broader conditions that one source denies in words where another affirms a
            narrower one, with the number of recordings; their labels are NaN there.
    """

    labels: Labels
    contradicted: Mapping[str, int]


def settled(said: Sequence[Labels], catalogue: Catalogue) -> Settled:
    """The labels that teach: words before silence, and a yes is one for every broader condition.

    Of what sources affirm, doubt or deny in words the first is heard, and their silence only where
    no source has words. A yes then affirms the broader conditions, a doubt takes a silent no of a
    broader condition back. What is uncertain is NaN.

    Args:
        said: What each source says, one row a recording, in the order of their precedence.
        catalogue: Gives the order of conditions, and those that are broader.
    """
    words = [_words(labels) for labels in said]
    silence = [replace(one, targets=_only(one.targets, one.targets == 0)) for one in said]
    labels = heard_first([*words, *silence], catalogue)
    denied = heard_first(words, catalogue).targets == 0
    targets = affirmed_broader(labels.conditions, labels.targets, catalogue)
    against = denied & (targets == 1)
    targets[against | (targets == UNCERTAIN)] = np.nan
    targets[denied & ~against] = 0.0
    counted = zip(labels.conditions, against.sum(axis=0).tolist(), strict=True)
    # Columns of nothing but doubt are of broader conditions that no source has a label for.
    known = {name for one in said for name in _decided(one)}
    kept = [number for number, name in enumerate(labels.conditions) if name in known]
    names = tuple(labels.conditions[number] for number in kept)
    return Settled(
        replace(labels, conditions=names, targets=targets[:, kept]),
        {name: count for name, count in counted if count},
    )


def affirmed_broader(
    conditions: Sequence[str], targets: NDArray[np.float32], catalogue: Catalogue
) -> NDArray[np.float32]:
    """A copy in which a yes is one for all broader conditions, and doubt leaves none of them a no.

    Args:
        conditions: Ids of the columns, in any order.
        targets: Shape (recording, condition), as in `Labels`.
        catalogue: Says which conditions are broader.
    """
    column = {name: number for number, name in enumerate(conditions)}
    changed = targets.copy()
    for value in (UNCERTAIN, np.float32(1)):  # a yes after doubt, so that it stands
        for name, narrower in column.items():
            for wider in catalogue.ancestors(name):
                if wider.id in column:
                    broader = changed[:, column[wider.id]]
                    broader[(targets[:, narrower] == value) & ~(broader > value)] = value
    return changed


def _words(labels: Labels) -> Labels:
    """Without its silence."""
    return replace(labels, targets=_only(labels.targets, labels.denies | (labels.targets != 0)))


def _only(targets: NDArray[np.float32], chosen: NDArray[np.bool_]) -> NDArray[np.float32]:
    return np.where(chosen, targets, np.float32("nan"))


def _decided(labels: Labels) -> list[str]:
    """Conditions of which a source has more to say than doubt."""
    doubt = (labels.targets == UNCERTAIN).any(axis=0)
    decided = ((labels.targets == 0) | (labels.targets == 1)).any(axis=0) | ~doubt
    return [name for name, is_so in zip(labels.conditions, decided, strict=True) if is_so]
