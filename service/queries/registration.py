"""Registering a condition: its wordings are understood first, as a query's would be."""

from collections.abc import Iterator
from dataclasses import dataclass

from ecg_core.errors import Fault, FaultCode, InvalidQuery
from service.queries.conditions import KnownCondition
from service.queries.registry import ConditionRegistry, Registration
from service.queries.resolver import QueryResolver
from service.queries.store import Code

_FAULTS_OF_ANY_TEXT = frozenset(
    {FaultCode.EMPTY_QUERY, FaultCode.QUERY_TOO_LONG, FaultCode.QUERY_CONTROL_CHARACTERS}
)


@dataclass(frozen=True, slots=True)
class NewCondition:
    """A condition as someone asks for it to be registered.

    Attributes:
        text: What is asked of the model.
        name: A short name; None: the text.
        synonyms: Other wordings.
        codes: Codes of terminologies.
    """

    text: str
    name: str | None = None
    synonyms: tuple[str, ...] = ()
    codes: tuple[Code, ...] = ()


def register(
    new: NewCondition, resolver: QueryResolver, registry: ConditionRegistry
) -> tuple[KnownCondition, bool]:
    """Register a condition, or hand over the one that its text already names.

    Returns:
        The condition, and whether it is new.

    Raises:
        InvalidQuery: A wording cannot be asked or denies a condition, or there are too many
            conditions.
        StoreUnavailable: It could not be kept.
    """
    registry.check()
    if faults := list(_faults(new, resolver)):
        raise InvalidQuery(faults)
    (asked,) = resolver.resolve([new.text])
    if asked.condition is not None:
        return asked.condition, False
    name = asked.term if new.name is None else new.name
    return registry.add(Registration(new.text, asked.term, name, new.synonyms, new.codes))


def _faults(new: NewCondition, resolver: QueryResolver) -> Iterator[Fault]:
    yield from resolver.wording_faults("text", new.text)
    for number, synonym in enumerate(new.synonyms):
        yield from resolver.wording_faults(f"synonyms[{number}]", synonym)
    if new.name is not None:
        # A name is for people: it need not be one that a query could ask by.
        faults = resolver.wording_faults("name", new.name)
        yield from (fault for fault in faults if fault.code in _FAULTS_OF_ANY_TEXT)
