"""The condition catalogue: what this project knows how to be asked for.

The data is the TOML files of the folder `catalogue` beside this file, one for each group of
conditions. Loading them checks what a reader relies on: no term means two conditions, no code
stands for two conditions, and "broader" never runs in a circle.
"""

import hashlib
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from functools import cache
from importlib import resources
from itertools import combinations
from types import MappingProxyType
from typing import Annotated, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from ecg_core.conditions.terms import normalise_term


class ConditionKind(StrEnum):
    """What sort of finding a condition is."""

    NORMAL = "normal"
    RHYTHM = "rhythm"
    ECTOPY = "ectopy"
    CONDUCTION = "conduction"
    INFARCTION = "infarction"
    ISCHAEMIA = "ischaemia"
    HYPERTROPHY = "hypertrophy"
    FORM = "form"
    AXIS = "axis"
    PACING = "pacing"
    ELECTROLYTE = "electrolyte"
    TECHNICAL = "technical"
    SYNDROME = "syndrome"


class BenchmarkSet(StrEnum):
    """The six label sets of the zero-shot benchmark."""

    PTBXL_SUPER = "ptbxl_super"
    PTBXL_SUB = "ptbxl_sub"
    PTBXL_FORM = "ptbxl_form"
    PTBXL_RHYTHM = "ptbxl_rhythm"
    CPSC2018 = "cpsc2018"
    CSN = "csn"


def _pairs(value: object) -> object:
    return tuple(value.items()) if isinstance(value, Mapping) else value


Key = TypeVar("Key")
NonEmpty = Annotated[str, Field(min_length=1)]
# Pairs instead of a dict, so that a condition is immutable and hashable.
Classes = Annotated[tuple[tuple[BenchmarkSet, NonEmpty], ...], BeforeValidator(_pairs)]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Condition(_Strict):
    """One condition that an ECG can be asked for.

    Attributes:
        id: Stable slug, part of the HTTP contract.
        name: The standard English clinical term.
        kind: What sort of finding it is.
        synonyms: English wordings in full.
        abbreviations: English abbreviations.
        german: Names, synonyms and abbreviations in German.
        description: One sentence: what it looks like on the ECG.
        signs: What can be measured of it, the most characteristic first; each is a sign that
            `ecg_core.signs` knows by this name.
        scp: PTB-XL's SCP-ECG codes.
        snomed: SNOMED CT concept ids.
        classes: Benchmark classes that mean it, as (set, class name).
        broader: Ids of the more general conditions directly above it.
        names: Names in further languages, as (language, name); from the files' `names` entries.
        icd10: Codes of ICD-10 or ICD-10-CM that say the condition itself; from the same entries.
    """

    id: Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")]
    name: NonEmpty
    kind: ConditionKind
    synonyms: tuple[NonEmpty, ...] = ()
    abbreviations: tuple[NonEmpty, ...] = ()
    german: tuple[NonEmpty, ...] = ()
    description: NonEmpty
    signs: tuple[NonEmpty, ...] = ()
    scp: tuple[NonEmpty, ...] = ()
    snomed: tuple[Annotated[str, Field(pattern=r"^\d{6,18}$")], ...] = ()
    classes: Classes = ()
    broader: tuple[NonEmpty, ...] = ()
    names: tuple[tuple[str, str], ...] = ()
    icd10: tuple[str, ...] = ()

    @property
    def wordings(self) -> tuple[str, ...]:
        """Every English and German term that means this condition, its name first."""
        return (self.name, *self.synonyms, *self.abbreviations, *self.german)

    @property
    def all_wordings(self) -> tuple[str, ...]:
        """Every term in any language that means this condition, its name first."""
        return (*self.wordings, *(name for _, name in self.names))


class AmbiguousTerm(_Strict):
    """A term in real use that means several conditions, so that it is asked back, not guessed."""

    term: NonEmpty
    may_mean: Annotated[tuple[NonEmpty, ...], Field(min_length=2)]


class Names(_Strict):
    """A condition's names in further languages, and its codes of ICD-10."""

    condition: NonEmpty
    french: tuple[NonEmpty, ...] = ()
    spanish: tuple[NonEmpty, ...] = ()
    italian: tuple[NonEmpty, ...] = ()
    dutch: tuple[NonEmpty, ...] = ()
    portuguese: tuple[NonEmpty, ...] = ()
    icd10: tuple[Annotated[str, Field(pattern=r"^[A-Z]\d{2}(\.\d{1,3})?$")], ...] = ()

    @property
    def by_language(self) -> tuple[tuple[str, str], ...]:
        """All names, as (language, name)."""
        languages = ("french", "spanish", "italian", "dutch", "portuguese")
        return tuple((each, name) for each in languages for name in getattr(self, each))


class Logic(_Strict):
    """How a condition that no recording was labelled with follows from what can be asked.

    Each part is a condition's id, a sign's name or a measurement in words ("QTc of 480 ms or
    more").

    Attributes:
        condition: Whose logic it is.
        required: Without any one of these it is not there.
        supporting: Seen with it often, not always.
        excluding: Where one of these is there, it is something else.
    """

    condition: NonEmpty
    required: tuple[NonEmpty, ...] = ()
    supporting: tuple[NonEmpty, ...] = ()
    excluding: tuple[NonEmpty, ...] = ()


class Exclusive(_Strict):
    """Conditions of which one recording shows one at most; none of them is broader than another."""

    conditions: Annotated[tuple[NonEmpty, ...], Field(min_length=2)]


class Opposite(_Strict):
    """Terms that say the absence of a condition as a name of their own ("abnormal ECG")."""

    condition: NonEmpty
    terms: Annotated[tuple[NonEmpty, ...], Field(min_length=1)]


class _File(_Strict):
    condition: tuple[Condition, ...] = ()
    ambiguous: tuple[AmbiguousTerm, ...] = ()
    names: tuple[Names, ...] = ()
    logic: tuple[Logic, ...] = ()
    exclusive: tuple[Exclusive, ...] = ()
    opposite: tuple[Opposite, ...] = ()


class Catalogue:
    """All conditions, found by id, by any of their wordings, by code or by benchmark class."""

    def __init__(self, files: Iterable[bytes]) -> None:
        """Reads a catalogue; `Catalogue.load()` gives the shipped one.

        Args:
            files: The bytes of each TOML file; their order is the order of the conditions.

        Raises:
            ValueError: Entries that do not fit the model, or that contradict one another.
        """
        contents = tuple(files)
        file = _joined(contents)
        self.digest = _digest(contents)
        self.conditions = file.condition
        self._by_id = _unique(("id", c.id, c) for c in file.condition)
        self._by_term = _unique(
            ("term", _key(w), c) for c in file.condition for w in c.all_wordings
        )
        self._by_scp = _unique(("SCP code", code, c) for c in file.condition for code in c.scp)
        self._by_icd10 = _unique(("ICD-10 code", i, c) for c in file.condition for i in c.icd10)
        self._by_snomed = _unique(("SNOMED id", i, c) for c in file.condition for i in c.snomed)
        self._by_class = _unique(
            ("class", (str(benchmark_set), class_name), c)
            for c in file.condition
            for benchmark_set, class_name in c.classes
        )
        self._ancestors = MappingProxyType({c.id: self._climb(c, ()) for c in file.condition})
        self._ambiguous = self._read_ambiguous(file.ambiguous)
        self._narrower = _narrower(self._ancestors)
        self._logic = MappingProxyType({self._known(e.condition).id: e for e in file.logic})
        self._opposites = _unique(
            ("opposite term", _key(term), self._known(entry.condition))
            for entry in file.opposite
            for term in entry.terms
        )
        self._opposite_entries = file.opposite
        self.exclusive = tuple(self._read_exclusive(file.exclusive))

    @staticmethod
    def load() -> "Catalogue":
        """The catalogue that ships with this package; read once a process."""
        return _load()

    def get(self, condition_id: str) -> Condition:
        """The condition with this id.

        Raises:
            KeyError: There is none.
        """
        return self._by_id[condition_id]

    def has(self, condition_id: str) -> bool:
        """Whether there is a condition with this id."""
        return condition_id in self._by_id

    def find(self, text: str) -> Condition | None:
        """The condition that a wording, abbreviation or spelling of it names, if one does."""
        return self._by_term.get(_key(text))

    def ambiguous(self, text: str) -> tuple[Condition, ...]:
        """The conditions that an ambiguous term may mean; empty if it is not ambiguous."""
        return self._ambiguous.get(_key(text), ())

    def opposite(self, text: str) -> Condition | None:
        """The condition whose absence a term names, if it names one ("abnormal ECG")."""
        return self._opposites.get(_key(text))

    def opposites(self) -> Iterator[tuple[Condition, tuple[str, ...]]]:
        """Conditions with the terms that name their absence."""
        return ((self._by_id[e.condition], e.terms) for e in self._opposite_entries)

    def logic(self, condition_id: str) -> Logic | None:
        """How a condition follows from its signs, where that is stated."""
        return self._logic.get(condition_id)

    def narrower(self, condition_id: str) -> tuple[Condition, ...]:
        """Every narrower condition, transitively, in the catalogue's order.

        Raises:
            KeyError: There is no such condition.
        """
        return tuple(self._by_id[i] for i in self._narrower[condition_id])

    def by_icd10(self, code: str) -> Condition | None:
        """The condition that a code of ICD-10 says, with its dot."""
        return self._by_icd10.get(code)

    def by_scp(self, code: str) -> Condition | None:
        """The condition with this SCP-ECG code, spelt as in PTB-XL."""
        return self._by_scp.get(code)

    def by_snomed(self, code: str) -> Condition | None:
        """The condition with this SNOMED CT id."""
        return self._by_snomed.get(code)

    def by_class(self, benchmark_set: str, class_name: str) -> Condition | None:
        """The condition that a benchmark set's class means; see `BenchmarkSet`."""
        return self._by_class.get((benchmark_set, class_name))

    def ancestors(self, condition_id: str) -> tuple[Condition, ...]:
        """Every broader condition, transitively, the nearest first.

        Raises:
            KeyError: There is no such condition.
        """
        return self._ancestors[condition_id]

    def _climb(self, condition: Condition, path: tuple[str, ...]) -> tuple[Condition, ...]:
        if condition.id in path:
            raise ValueError(f"broader runs in a circle at {condition.id}")
        found: dict[str, Condition] = {}
        parents = [self._known(i) for i in condition.broader]
        for parent in parents:
            found.setdefault(parent.id, parent)
        for parent in parents:
            for ancestor in self._climb(parent, (*path, condition.id)):
                found.setdefault(ancestor.id, ancestor)
        return tuple(found.values())

    def _known(self, condition_id: str) -> Condition:
        condition = self._by_id.get(condition_id)
        if condition is None:
            raise ValueError(f"no condition has the id {condition_id}")
        return condition

    def _read_exclusive(self, entries: Iterable[Exclusive]) -> Iterator[tuple[str, str]]:
        """Each pair that excludes one another, once."""
        found: set[tuple[str, str]] = set()
        for entry in entries:
            for one, other in combinations([self._known(i).id for i in entry.conditions], 2):
                above = {c.id for i in (one, other) for c in self._ancestors[i]}
                if {one, other} & above:
                    raise ValueError(f"{one} and {other} exclude one another, but one is broader")
                found.add((min(one, other), max(one, other)))
        yield from sorted(found)

    def _read_ambiguous(
        self, terms: Iterable[AmbiguousTerm]
    ) -> Mapping[str, tuple[Condition, ...]]:
        found: dict[str, tuple[Condition, ...]] = {}
        for entry in terms:
            key = _key(entry.term)
            if key in found or key in self._by_term:
                raise ValueError(f"the ambiguous term {entry.term!r} is listed twice")
            found[key] = tuple(self._known(i) for i in entry.may_mean)
        return MappingProxyType(found)


@cache
def _load() -> Catalogue:
    folder = resources.files(__package__).joinpath("catalogue")
    files = (entry for entry in folder.iterdir() if entry.name.endswith(".toml"))
    return Catalogue(entry.read_bytes() for entry in sorted(files, key=lambda entry: entry.name))


def _joined(contents: Iterable[bytes]) -> _File:
    files = [_File.model_validate(tomllib.loads(data.decode("utf-8"))) for data in contents]
    conditions = tuple(condition for file in files for condition in file.condition)
    return _File(
        condition=_with_names(conditions, [entry for file in files for entry in file.names]),
        ambiguous=tuple(entry for file in files for entry in file.ambiguous),
        logic=tuple(entry for file in files for entry in file.logic),
        exclusive=tuple(entry for file in files for entry in file.exclusive),
        opposite=tuple(entry for file in files for entry in file.opposite),
    )


def _with_names(
    conditions: tuple[Condition, ...], entries: Sequence[Names]
) -> tuple[Condition, ...]:
    names: dict[str, list[tuple[str, str]]] = {}
    codes: dict[str, list[str]] = {}
    for entry in entries:
        names.setdefault(entry.condition, []).extend(entry.by_language)
        codes.setdefault(entry.condition, []).extend(entry.icd10)
    if unknown := names.keys() - {condition.id for condition in conditions}:
        raise ValueError(f"no condition has the id {', '.join(sorted(unknown))}")
    return tuple(
        c.model_copy(update={"names": tuple(names[c.id]), "icd10": tuple(codes[c.id])})
        if c.id in names
        else c
        for c in conditions
    )


def _narrower(
    ancestors: Mapping[str, tuple[Condition, ...]],
) -> Mapping[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {condition_id: [] for condition_id in ancestors}
    for condition_id, above in ancestors.items():
        for ancestor in above:
            found[ancestor.id].append(condition_id)
    return MappingProxyType({above: tuple(below) for above, below in found.items()})


def _digest(contents: Iterable[bytes]) -> str:
    """SHA-256 over the files' own digests, so that moving a line between files changes it."""
    digests = b"".join(hashlib.sha256(data).digest() for data in contents)
    return hashlib.sha256(digests).hexdigest()


def _key(text: str) -> str:
    # Without spaces, "ST-Strecken-Hebung" and "ST-Streckenhebung" are one term.
    return normalise_term(text).replace(" ", "")


def _unique(entries: Iterable[tuple[str, Key, Condition]]) -> Mapping[Key, Condition]:
    """Indexes conditions; a key may come twice from one condition, never from two."""
    index: dict[Key, Condition] = {}
    for what, key, condition in entries:
        other = index.setdefault(key, condition)
        if other is not condition:
            raise ValueError(f"{other.id} and {condition.id} share the {what} {key!r}")
    return MappingProxyType(index)
