"""What texts name: conditions, signs, codes and opposites; spelt right, or nearly."""

import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache, cached_property, lru_cache, partial
from importlib import resources
from types import MappingProxyType
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict

from ecg_core.conditions.catalogue import Catalogue, Condition
from ecg_core.conditions.comparisons import read_measurement
from ecg_core.conditions.phrases import Phrases
from ecg_core.conditions.question import KnownCondition, Question, Sign, denied
from ecg_core.conditions.scope import (
    EcgVocabulary,
    is_function_word,
    is_plain_word,
    names_other_things,
)
from ecg_core.conditions.spelling import Near, contradicts, is_near_word, nearest_term, respelt
from ecg_core.conditions.terms import REMEMBERED, fold_characters, normalise_term

_SNOMED = re.compile(r"(?:snomed(?: ?ct)?[ :]*|sct[ :]*)?(\d{6,18})", re.IGNORECASE)
_ICD10 = re.compile(r"(?:icd-?10(?:-cm)?[ :]*)?([a-z]\d{2}(?:\.\d{1,3})?)", re.IGNORECASE)
_HYPHENS = re.compile(r"[-–./]")
_LONGEST_IN_TEXT = 10  # words

Find = Callable[[str], str | None]


class Found(NamedTuple):
    """What a text names.

    Attributes:
        question: A condition or a sign, or the absence of one.
        corrected: The term that it was read as, where it was misspelt; None where it was not.
    """

    question: Question
    corrected: str | None = None


class _Saying(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    means: str
    is_denied: bool = False
    texts: tuple[str, ...]


class _Sayings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    saying: tuple[_Saying, ...]


@cache
def _sayings() -> Mapping[str, _Saying]:
    file = resources.files(__package__).joinpath("language", "sayings.toml")
    sayings = _Sayings.model_validate(tomllib.loads(file.read_text(encoding="utf-8"))).saying
    return MappingProxyType({text: saying for saying in sayings for text in saying.texts})


class Lexicon:
    """Looks texts up in the catalogue, among the signs, and among registered conditions."""

    def __init__(
        self,
        catalogue: Catalogue,
        signs: Iterable[tuple[str, ...]],
        registered: Find = lambda _text: None,
    ) -> None:
        """Indexes what can be named.

        Args:
            catalogue: The conditions.
            signs: The wordings of each sign, its name first.
            registered: The id of a registered condition that a text names.
        """
        self.catalogue = catalogue
        self._registered = registered
        self._sign_wordings = tuple(signs)
        self._signs = MappingProxyType(
            {_key(wording): Sign(w[0]) for w in self._sign_wordings for wording in w}
        )

    def find(self, text: str) -> Found | None:
        """What a text names as a whole: conditions, opposites, signs, codes; spelt right."""
        condition = self.catalogue.find(text)
        if condition is not None:
            return Found(KnownCondition(condition.id))
        opposite = self.catalogue.opposite(text)
        if opposite is not None:
            return Found(denied(KnownCondition(opposite.id)))
        registered = self._registered(text)
        if registered is not None:
            return Found(KnownCondition(registered))
        sign = self._signs.get(_key(text))
        if sign is not None:
            return Found(sign)
        coded = self._by_code(text.strip())
        return self._said(text) if coded is None else Found(KnownCondition(coded.id))

    def contradicts(self, folded: str, question: Question) -> bool:
        """Whether a folded text holds the opposite of a word in the name of what is asked.

        "Right" contradicts "left anterior fascicular block", of which a wording has no side.
        """
        if not isinstance(question, KnownCondition) or not self.catalogue.has(question.id):
            return False
        return contradicts(folded, fold_characters(self.catalogue.get(question.id).name))

    def ambiguous(self, text: str) -> tuple[Condition, ...]:
        """The conditions that a term may mean."""
        return self.catalogue.ambiguous(text)

    def nearest(self, text: str) -> tuple[Found, ...]:
        """What a misspelt text can only mean; several if it might be either; none if it is not."""
        near = self._nearest_term(_key(text))
        if near is None:
            return ()
        return tuple(Found(question, self._spelt[near.term]) for question in near.meanings)

    def respelt(self, text: str) -> Iterator[str]:
        """The text with unknown words as the words of the lexicon that lie near them."""
        spaced = fold_characters(text).replace("-", " ")
        return respelt(
            spaced, self._spelling_words, lambda w: self.knows_word(w) or is_plain_word(w)
        )

    def may_be_misspelt(self, text: str) -> bool:
        """Whether all words of the text are known but one, which lies near a known one."""
        words = fold_characters(text).replace("-", " ").split()
        unknown = [w for w in words if not (self.knows_word(w) or is_plain_word(w))]
        return len(unknown) == 1 and is_near_word(unknown[0], self._spelling_words)

    def knows_word(self, word: str) -> bool:
        """Whether a folded word stands in a wording, or is too short to be misspelt."""
        known = word in self._spelling_words or self._vocabulary.knows(word)
        return len(word) < 4 or known or is_function_word(word) or names_other_things(word)

    @cached_property
    def _vocabulary(self) -> EcgVocabulary:
        return EcgVocabulary(self.catalogue)

    @cached_property
    def _spelling_words(self) -> frozenset[str]:
        wordings = (w for c in self.catalogue.conditions for w in c.wordings)
        signs = (w for wordings in self._sign_wordings for w in wordings)
        texts = (fold_characters(w).replace("-", " ") for w in (*wordings, *signs))
        return frozenset(w for text in texts for w in text.split() if w.isalpha() and len(w) > 3)

    @cached_property
    def phrases(self) -> Phrases[Question]:
        """All wordings by their folded words, to find them inside a text.

        Not those that are words of any sentence there: "normal" beside a P wave is no normal ECG,
        and "two" no `TWO`.
        """
        wordings = ((w, question) for w, question in self._wordings() if len(_key(w)) > 1)
        keyed = ((folded_words(wording), question) for wording, question in wordings)
        return Phrases.of(
            (k, q)
            for k, q in keyed
            if len(k) <= _LONGEST_IN_TEXT and not (len(k) == 1 and is_function_word(k[0]))
        )

    @cached_property
    def _terms(self) -> Mapping[str, Question]:
        found: dict[str, Question] = {}
        for wording, question in self._wordings():
            found.setdefault(_key(wording), question)
        return MappingProxyType(found)

    @cached_property
    def _nearest_term(self) -> Callable[[str], Near[Question] | None]:
        """As `nearest_term`; one reading asks for the same parts of a text again and again."""
        return lru_cache(maxsize=REMEMBERED)(partial(nearest_term, terms=self._terms))

    @cached_property
    def _spelt(self) -> Mapping[str, str]:
        found: dict[str, str] = {}
        for wording, _ in self._wordings():
            found.setdefault(_key(wording), wording)
        return MappingProxyType(found)

    def _wordings(self) -> Iterable[tuple[str, Question]]:
        for condition in self.catalogue.conditions:
            for wording in condition.all_wordings:
                yield wording, KnownCondition(condition.id)
        for condition, terms in self.catalogue.opposites():
            for term in terms:
                yield term, denied(KnownCondition(condition.id))
        for wordings in self._sign_wordings:
            for wording in wordings:
                yield wording, Sign(wordings[0])

    def is_code(self, text: str) -> bool:
        """Whether a text is a code of SNOMED CT or ICD-10, known or not."""
        stripped = text.strip()
        return any(code.fullmatch(stripped) for code in (_SNOMED, _ICD10))

    def _said(self, text: str) -> Found | None:
        """What a saying means: `language/sayings.toml`."""
        saying = _sayings().get(" ".join(_HYPHENS.sub(" ", fold_characters(text)).split()))
        if saying is None:
            return None
        question = read_measurement(saying.means)
        if question is None:
            found = self.find(saying.means)
            if found is None:
                raise LookupError(saying.means)
            question = found.question
        return Found(denied(question) if saying.is_denied else question)

    def _by_code(self, text: str) -> Condition | None:
        by_scp = self.catalogue.by_scp(text.removeprefix("SCP").strip(" :"))
        if by_scp is not None:
            return by_scp
        snomed = _SNOMED.fullmatch(text)
        if snomed is not None:
            return self.catalogue.by_snomed(snomed[1])
        icd10 = _ICD10.fullmatch(text)
        return None if icd10 is None else self.catalogue.by_icd10(icd10[1].upper())


@lru_cache(maxsize=REMEMBERED)
def _key(text: str) -> str:
    return normalise_term(text).replace(" ", "")


def folded_words(text: str) -> list[str]:
    """The words of a text as terms are folded: "T-wave inversions" is t, wave, inversion."""
    return normalise_term(text).split()
