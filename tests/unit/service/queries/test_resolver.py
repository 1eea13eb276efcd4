import pytest

from ecg_core.conditions import Catalogue
from ecg_core.errors import FaultCode, InvalidQuery
from service.queries.registration import register
from service.queries.registry import Registration
from tests.service_fixtures import (
    FakeTextEncoder,
    catalogue_conditions,
    make_registry,
    make_resolver,
)


def test_without_queries_every_condition_is_asked_by_its_name() -> None:
    registry = make_registry(catalogue_conditions())
    registry.add(Registration("hyperkalaemia with peaked T waves", "peaked T"))
    asked = make_resolver(registry).resolve([])
    assert len(asked) == len(Catalogue.load().conditions) + 1
    assert asked[-1].text == "peaked T"
    assert all(query.condition is not None for query in asked)


def test_a_query_is_answered_in_its_own_words_and_understood_through_the_catalogue() -> None:
    (asked,) = make_resolver().resolve(["AFib"])
    assert asked.text == "AFib"
    assert asked.condition is not None
    assert asked.condition.id == "atrial-fibrillation"


def test_a_registered_condition_is_found_by_its_text() -> None:
    registry = make_registry(catalogue_conditions())
    added, _ = registry.add(Registration("hyperkalaemia with peaked T waves", "peaked T"))
    asked = make_resolver(registry).resolve(["Hyperkalemia with peaked T-waves", "peaked T"])
    assert [query.condition for query in asked] == [added, added]


def test_a_negated_query_says_so() -> None:
    (asked,) = make_resolver().resolve(["no atrial fibrillation"])
    assert asked.negated
    assert asked.condition is not None
    assert asked.condition.id == "atrial-fibrillation"


def test_the_same_text_twice_is_answered_once_at_its_first_place() -> None:
    asked = make_resolver().resolve(["AFib", "sinus rhythm", "AFib"])
    assert [query.text for query in asked] == ["AFib", "sinus rhythm"]


def test_every_fault_of_every_query_is_told_at_once_by_number() -> None:
    with pytest.raises(InvalidQuery) as caught:
        make_resolver(max_characters=30).resolve(["sinus rhythm", "", "x" * 31, "心房颤动 心房 颤动"])
    assert [(fault.code, fault.field) for fault in caught.value.faults] == [
        (FaultCode.EMPTY_QUERY, "queries[1]"),
        (FaultCode.QUERY_TOO_LONG, "queries[2]"),
        (FaultCode.QUERY_NOT_UNDERSTOOD, "queries[3]"),
    ]


def test_too_many_queries_are_refused_before_they_are_looked_at() -> None:
    encoder = FakeTextEncoder()
    with pytest.raises(InvalidQuery) as caught:
        make_resolver(text_encoder=encoder, max_queries=3).resolve(["a", "b", "c", ""])
    assert [fault.code for fault in caught.value.faults] == [FaultCode.TOO_MANY_QUERIES]


def test_a_text_whose_end_would_go_unread_is_refused() -> None:
    with pytest.raises(InvalidQuery) as caught:
        make_resolver().resolve(["wave " * 45])
    assert [fault.code for fault in caught.value.faults] == [FaultCode.QUERY_TOO_LONG]


def test_registering_a_wording_of_the_catalogue_gives_the_built_in_condition() -> None:
    registry = make_registry(catalogue_conditions())
    known, is_new = register(Registration("AFib", "my AF"), make_resolver(registry), registry)
    assert (known.id, is_new) == ("atrial-fibrillation", False)


def test_registering_tells_every_wording_that_cannot_be_asked() -> None:
    registry = make_registry(catalogue_conditions())
    faulty = Registration("no atrial fibrillation", " ", ("fine", ""))
    with pytest.raises(InvalidQuery) as caught:
        register(faulty, make_resolver(registry), registry)
    assert [(fault.code, fault.field) for fault in caught.value.faults] == [
        (FaultCode.QUERY_NEGATION_UNCLEAR, "text"),
        (FaultCode.EMPTY_QUERY, "name"),
        (FaultCode.EMPTY_QUERY, "synonyms[1]"),
    ]
