"""From what a request asks to queries that are understood: every fault of every query at once."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache, partial

from ecg_core.checkpoint import Checkpoint, no_checkpoint
from ecg_core.conditions import Catalogue
from ecg_core.conditions.lexicon import Lexicon
from ecg_core.conditions.question import Described, Not, NotAnswerable, Question, denied, leaves
from ecg_core.conditions.question import KnownCondition as Condition
from ecg_core.conditions.reading import QuestionReader, Reading
from ecg_core.errors import Fault, FaultCode, InvalidQuery
from ecg_core.prompts import PromptTemplates
from ecg_core.signs import SIGNS
from service.engine.inference.protocols import TextEncoder
from service.engine.queries.conditions import KnownCondition, KnownConditions
from service.engine.queries.embeddings import AskedQuery

_LEAST_KNOWN_FRACTION = 0.5
_MAX_FAULTS = 100
_LANGUAGES = {
    "de": "German",
    "en": "English",
    "es": "Spanish",
    "fr": "French",
    "it": "Italian",
    "nl": "Dutch",
    "pt": "Portuguese",
}


class QueryResolver:
    """Understands queries by the catalogue, the known conditions and the encoder's vocabulary."""

    def __init__(
        self,
        conditions: KnownConditions,
        catalogue: Catalogue,
        text_encoder: TextEncoder,
        prompts: PromptTemplates,
        max_queries: int,
        max_characters: int,
        remembered: int,
        languages: Sequence[str] = (),
    ) -> None:
        """Takes what it understands by.

        Args:
            conditions: What a query can name.
            catalogue: How it is named.
            text_encoder: Reads what names nothing.
            prompts: In which it is put to the encoder.
            max_queries: Most at once.
            max_characters: Longest query.
            remembered: Texts whose meaning is kept.
            languages: That the encoder reads, by ISO 639-1; empty: not known.
        """
        self._conditions = conditions
        self._max_queries = max_queries
        # What a text means follows from the text and the catalogue alone. No method of this object:
        # in a cycle with its cache, it would keep the model in memory when a reload replaces it.
        reader = QuestionReader(Lexicon(catalogue, [sign.wordings for sign in SIGNS]))
        instead = _asked_instead(languages)
        understand = partial(_understood, reader, max_characters, text_encoder, prompts, instead)
        self._understand = lru_cache(maxsize=remembered)(understand)

    def resolve(
        self, texts: Sequence[str], checkpoint: Checkpoint = no_checkpoint
    ) -> list[AskedQuery]:
        """The queries of one request; without any, every registered condition.

        The same text twice is answered once, at its first place.

        Args:
            texts: What is asked.
            checkpoint: Called before each text; may raise: thousands take their time.

        Raises:
            InvalidQuery: With every fault of every query, each naming its query by number.
        """
        if not texts:
            return [self._of_condition(c) for c in self._conditions.all()]
        if len(texts) > self._max_queries:
            detail = f"at most {self._max_queries} queries can be asked at once"
            raise InvalidQuery.of(FaultCode.TOO_MANY_QUERIES, detail, field="queries")
        find = self._conditions.finder()
        faults: list[Fault] = []
        asked: dict[str, AskedQuery] = {}
        for number, text in enumerate(texts):
            checkpoint()
            try:
                asked.setdefault(text, self._asked(text, find))
            except InvalidQuery as error:
                faults.extend(_numbered(error.faults, number))
        if faults:
            raise InvalidQuery(faults[:_MAX_FAULTS])
        return list(asked.values())

    def read(self, text: str) -> Reading:
        """How a text is read; what is registered is not looked up.

        Raises:
            InvalidQuery: It cannot be asked so.
        """
        return self._understand(text)

    def wording_faults(self, field: str, text: str) -> Iterator[Fault]:
        """Why no query could ask for a condition by this wording; nothing if one could."""
        try:
            question = self._understand(text).question
        except InvalidQuery as error:
            yield from (replace(fault, field=field) for fault in error.faults)
            return
        if isinstance(question, Not):
            detail = "register the condition in the positive; a query may deny it"
            yield Fault(FaultCode.QUERY_NEGATION_UNCLEAR, detail, field=field)
        if isinstance(question, NotAnswerable):
            detail = "is no finding of an ECG, or cannot be read as one: no answer could be given"
            yield Fault(FaultCode.QUERY_NOT_ANSWERABLE, detail, field=field)

    def _asked(self, text: str, find: Callable[[str], KnownCondition | None]) -> AskedQuery:
        reading = self._understand(text)
        question = reading.question
        positive = question.part if isinstance(question, Not) else question
        known = self._known(positive, find, reading.term)
        negated = isinstance(question, Not)
        if known is not None:
            named = self._of_condition(known).asked
            question = denied(named) if negated else named
        return AskedQuery(text, reading.term, known, negated, question, reading.notes)

    def _of_condition(self, known: KnownCondition) -> AskedQuery:
        """A condition of the registry: one that was registered is answered by its description."""
        if known.built_in:
            return AskedQuery(known.name, known.name, known, question=Condition(known.id))
        try:
            question = self._understand(known.text).question
        except InvalidQuery:  # it was registered when texts were read otherwise
            question = Described(known.text, (), known.text)
        return AskedQuery(known.name, known.name, known, question=question)

    def _known(
        self, question: Question, find: Callable[[str], KnownCondition | None], term: str
    ) -> KnownCondition | None:
        """The condition that a question names by itself, registered ones included."""
        if isinstance(question, Condition):
            return self._conditions.get(question.id)
        text = question.text if isinstance(question, Described) else term
        return find(text)


def _understood(
    reader: QuestionReader,
    max_characters: int,
    text_encoder: TextEncoder,
    prompts: PromptTemplates,
    instead: str,
    text: str,
) -> Reading:
    reading = reader.read(text, max_characters=max_characters)
    for leaf in leaves(reading.question):
        if isinstance(leaf, Described):
            _refuse_unread(leaf.text, text_encoder, prompts, instead)
    return reading


def _asked_instead(languages: Sequence[str]) -> str:
    """What to ask instead of words that the encoder does not know."""
    if not languages:
        return "ask in other words, or by the name of a condition"
    names = [_LANGUAGES.get(code, code) for code in languages]
    spoken = " or ".join([", ".join(names[:-1]), names[-1]] if names[1:] else names)
    return f"ask in {spoken}, or by the name of a condition"


def _refuse_unread(
    term: str, text_encoder: TextEncoder, prompts: PromptTemplates, instead: str
) -> None:
    """Refuse what the text encoder would read in part only: its answer would mislead."""
    if text_encoder.known_fraction(term) < _LEAST_KNOWN_FRACTION:
        detail = f"the text encoder does not know these words: {instead}"
        raise InvalidQuery.of(FaultCode.QUERY_NOT_UNDERSTOOD, detail)
    if not all(map(text_encoder.fits, prompts.render(term))):
        detail = "longer than the text encoder reads: ask more briefly"
        raise InvalidQuery.of(FaultCode.QUERY_TOO_LONG, detail)


def _numbered(faults: Iterable[Fault], number: int) -> Iterator[Fault]:
    return (replace(fault, field=f"queries[{number}]") for fault in faults)
