"""Registering a condition: its wordings are understood first, as a query's would be."""

from collections.abc import Iterator
from dataclasses import replace

from api_schemas import NewCondition
from ecg_core.conditions import Catalogue, understand_query
from ecg_core.conditions.queries import script_faults
from ecg_core.conditions.question import Described, Not, NotAnswerable
from ecg_core.errors import Fault, FaultCode, InvalidQuery
from service.engine.queries.conditions import KnownCondition
from service.engine.queries.embeddings import AskedQuery
from service.engine.queries.resolver import QueryResolver
from service.storage.conditions.registry import ConditionRegistry

_FAULTS_OF_ANY_TEXT = frozenset(
    {FaultCode.EMPTY_QUERY, FaultCode.QUERY_TOO_LONG, FaultCode.QUERY_CONTROL_CHARACTERS}
)


def register(
    new: NewCondition, resolver: QueryResolver, registry: ConditionRegistry
) -> tuple[KnownCondition, bool]:
    """Register a condition, or hand over the one that its text already names.

    Returns:
        The condition, and whether it is new.

    Raises:
        InvalidQuery: A wording cannot be asked, denies a condition or names another one, or there
            are too many conditions.
        ConditionIdTaken: Another text has its id.
        StoreUnavailable: It could not be kept.
    """
    registry.check()
    if faults := list(_faults(new, resolver)):
        raise InvalidQuery(faults)
    (asked,) = resolver.resolve([new.text])
    if asked.condition is not None:
        return asked.condition, False
    _refuse_taken(new, asked, resolver)
    return registry.add(new, asked.term)


def read_only(new: NewCondition, resolver: QueryResolver) -> AskedQuery:
    """How a condition would be read, without registering it.

    Raises:
        InvalidQuery: It would be refused.
    """
    if faults := list(_faults(new, resolver)):
        raise InvalidQuery(faults)
    (asked,) = resolver.resolve([new.text])
    if asked.condition is None:
        _refuse_taken(new, asked, resolver)
    return asked


def understood_term(text: str, catalogue: Catalogue) -> str:
    """The term that a query with this text puts to the text encoder."""
    try:
        return understand_query(text, catalogue, max_characters=len(text)).term
    except InvalidQuery:
        # Registered under older rules: it stays what it was.
        return text


def _faults(new: NewCondition, resolver: QueryResolver) -> Iterator[Fault]:
    yield from resolver.wording_faults("text", new.text)
    for number, synonym in enumerate(dict.fromkeys(new.synonyms)):
        yield from resolver.wording_faults(f"synonyms[{number}]", synonym)
    if new.name is not None:
        # A name is for people: it need not be one that a query could ask by.
        faults = resolver.wording_faults("name", new.name)
        yield from (fault for fault in faults if fault.code in _FAULTS_OF_ANY_TEXT)
        yield from (replace(fault, field="name") for fault in script_faults(new.name))


def _wordings(new: NewCondition) -> Iterator[tuple[str, str]]:
    if new.name is not None:
        yield "name", new.name
    for number, synonym in enumerate(new.synonyms):
        yield f"synonyms[{number}]", synonym


def _refuse_taken(new: NewCondition, text: AskedQuery, resolver: QueryResolver) -> None:
    if faults := list(_taken(new, text, resolver)):
        raise InvalidQuery(faults)


def _taken(new: NewCondition, text: AskedQuery, resolver: QueryResolver) -> Iterator[Fault]:
    """Wordings that ask for something else already, of a condition whose text names nothing yet."""
    for field, wording in _wordings(new):
        try:
            (asked,) = resolver.resolve([wording])
        except InvalidQuery:
            # A name that no query can ask by names nothing.
            continue
        # A name may be read by itself, as signs are: an answer by it is warned of.
        otherwise = field != "name" and _reads_otherwise(asked, text)
        if asked.condition is not None or otherwise:
            detail = "asks for something else already: its answers would be taken for that"
            yield Fault(FaultCode.WORDING_TAKEN, detail, field=field)


def _reads_otherwise(wording: AskedQuery, text: AskedQuery) -> bool:
    """Whether a query by this wording is read as signs, measurements or conditions of its own."""
    asked = wording.asked
    positive = asked.part if isinstance(asked, Not) else asked
    return not isinstance(positive, Described | NotAnswerable) and asked != text.asked
