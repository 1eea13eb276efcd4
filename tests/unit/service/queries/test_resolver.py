import pytest

from ecg_core.conditions import Catalogue
from ecg_core.errors import FaultCode, InvalidQuery
from service.queries.registration import NewCondition, register
from service.queries.registry import Registration
from tests.service_fixtures import (
    FakeTextEncoder,
    catalogue_conditions,
    make_registry,
    make_resolver,
)


def test_without_queries_every_condition_is_asked_by_its_name() -> None:
    registry = make_registry(catalogue_conditions())
    registry.add(Registration("T waves like a tent", "T waves like a tent", "tented T"))
    asked = make_resolver(registry).resolve([])
    assert len(asked) == len(Catalogue.load().conditions) + 1
    assert asked[-1].text == "tented T"
    assert all(query.condition is not None for query in asked)


def test_a_query_is_answered_in_its_own_words_and_understood_through_the_catalogue() -> None:
    (asked,) = make_resolver().resolve(["AFib"])
    assert asked.text == "AFib"
    assert asked.condition is not None
    assert asked.condition.id == "atrial-fibrillation"


def test_a_registered_condition_is_found_by_its_text_and_by_what_it_means() -> None:
    registry = make_registry(catalogue_conditions())
    resolver = make_resolver(registry)
    new = NewCondition("suspected T waves like a tent", "tented T")
    added, is_new = register(new, resolver, registry)
    assert is_new
    texts = [new.text, "T-waves like a tent", "tented T", "no T waves like a tent"]
    asked = resolver.resolve(texts)
    assert [query.condition for query in asked] == [added] * 4
    assert [query.negated for query in asked] == [False, False, False, True]
    assert register(new, resolver, registry) == (added, False)


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
        make_resolver(max_characters=30).resolve(
            ["sinus rhythm", "", "x" * 31, "心房颤动 心房 颤动"]
        )
    assert [(fault.code, fault.field) for fault in caught.value.faults] == [
        (FaultCode.EMPTY_QUERY, "queries[1]"),
        (FaultCode.QUERY_TOO_LONG, "queries[2]"),
        (FaultCode.QUERY_NOT_UNDERSTOOD, "queries[3]"),
    ]


def test_words_that_the_text_encoder_does_not_know_are_refused() -> None:
    with pytest.raises(InvalidQuery) as caught:
        make_resolver().resolve(["žluťoučký kůň"])
    assert [fault.code for fault in caught.value.faults] == [FaultCode.QUERY_NOT_UNDERSTOOD]


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
    known, is_new = register(NewCondition("AFib", "my AF"), make_resolver(registry), registry)
    assert (known.id, is_new) == ("atrial-fibrillation", False)


def test_registering_tells_every_wording_that_cannot_be_asked() -> None:
    registry = make_registry(catalogue_conditions())
    faulty = NewCondition("no atrial fibrillation", " ", ("fine", "", "no AFib"))
    with pytest.raises(InvalidQuery) as caught:
        register(faulty, make_resolver(registry), registry)
    assert [(fault.code, fault.field) for fault in caught.value.faults] == [
        (FaultCode.QUERY_NEGATION_UNCLEAR, "text"),
        (FaultCode.EMPTY_QUERY, "synonyms[1]"),
        (FaultCode.QUERY_NEGATION_UNCLEAR, "synonyms[2]"),
        (FaultCode.EMPTY_QUERY, "name"),
    ]


def test_a_name_is_for_people_and_need_not_be_a_query() -> None:
    registry = make_registry(catalogue_conditions())
    new = NewCondition("T waves like a tent", "no peace for T waves")
    assert register(new, make_resolver(registry), registry)[1]
