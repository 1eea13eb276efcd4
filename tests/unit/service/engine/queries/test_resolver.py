import pytest

from api_schemas import NewCondition
from ecg_core.conditions import Catalogue
from ecg_core.errors import FaultCode, InvalidQuery
from service.storage.conditions.registration import register
from service.storage.sqlite import SqliteStore
from tests.support.service import (
    FakeTextEncoder,
    catalogue_conditions,
    make_registry,
    make_resolver,
)


def test_without_queries_every_condition_is_asked_by_its_name(store: SqliteStore) -> None:
    registry = make_registry(store, catalogue_conditions())
    registry.add(NewCondition(text="T waves like a tent", name="tented T"), "T waves like a tent")
    asked = make_resolver(registry).resolve([])
    assert len(asked) == len(Catalogue.load().conditions) + 1
    assert asked[-1].text == "tented T"
    assert all(query.condition is not None for query in asked)


def test_a_query_is_answered_in_its_own_words_and_understood_through_the_catalogue() -> None:
    (asked,) = make_resolver().resolve(["AFib"])
    assert asked.text == "AFib"
    assert asked.condition is not None
    assert asked.condition.id == "atrial-fibrillation"


def test_a_registered_condition_is_found_by_its_text_and_by_what_it_means(
    store: SqliteStore,
) -> None:
    registry = make_registry(store, catalogue_conditions())
    resolver = make_resolver(registry)
    new = NewCondition(text="suspected T waves like a tent", name="tented T")
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


def test_what_is_no_finding_of_an_ecg_cannot_be_registered(store: SqliteStore) -> None:
    registry = make_registry(store, catalogue_conditions())
    for text in ("COVID-19", "žluťoučký kůň", "will the patient die"):
        with pytest.raises(InvalidQuery) as caught:
            register(NewCondition(text=text), make_resolver(registry), registry)
        assert [(fault.code, fault.field) for fault in caught.value.faults] == [
            (FaultCode.QUERY_NOT_ANSWERABLE, "text")
        ]


def test_words_that_the_text_encoder_does_not_know_are_refused() -> None:
    with pytest.raises(InvalidQuery) as caught:
        make_resolver().resolve(["heart žluťoučký kůň"])
    assert [fault.code for fault in caught.value.faults] == [FaultCode.QUERY_NOT_UNDERSTOOD]


@pytest.mark.parametrize(
    ("languages", "instead"),
    [
        ((), "ask in other words, or by"),
        (("en",), "ask in English, or by"),
        (("de", "en", "xx"), "ask in German, English or xx, or by"),
    ],
)
def test_what_to_ask_instead_is_true_of_the_text_encoder(
    languages: tuple[str, ...], instead: str
) -> None:
    with pytest.raises(InvalidQuery) as caught:
        make_resolver(languages=languages).resolve(["heart žluťoučký kůň"])
    assert f"know these words: {instead} the name of a condition" in caught.value.faults[0].detail


def test_too_many_queries_are_refused_before_they_are_looked_at() -> None:
    encoder = FakeTextEncoder()
    with pytest.raises(InvalidQuery) as caught:
        make_resolver(text_encoder=encoder, max_queries=3).resolve(["a", "b", "c", ""])
    assert [fault.code for fault in caught.value.faults] == [FaultCode.TOO_MANY_QUERIES]


def test_a_text_whose_end_would_go_unread_is_refused() -> None:
    with pytest.raises(InvalidQuery) as caught:
        make_resolver().resolve(["heart " * 45])
    assert [fault.code for fault in caught.value.faults] == [FaultCode.QUERY_TOO_LONG]


def test_registering_a_wording_of_the_catalogue_gives_the_built_in_condition(
    store: SqliteStore,
) -> None:
    registry = make_registry(store, catalogue_conditions())
    known, is_new = register(
        NewCondition(text="AFib", name="my AF"), make_resolver(registry), registry
    )
    assert (known.id, is_new) == ("atrial-fibrillation", False)


def test_registering_tells_every_wording_that_cannot_be_asked(store: SqliteStore) -> None:
    registry = make_registry(store, catalogue_conditions())
    faulty = NewCondition.model_construct(
        text="no atrial fibrillation", name=" ", synonyms=("fine", "", "no AFib")
    )
    with pytest.raises(InvalidQuery) as caught:
        register(faulty, make_resolver(registry), registry)
    assert [(fault.code, fault.field) for fault in caught.value.faults] == [
        (FaultCode.QUERY_NEGATION_UNCLEAR, "text"),
        (FaultCode.EMPTY_QUERY, "synonyms[1]"),
        (FaultCode.QUERY_NEGATION_UNCLEAR, "synonyms[2]"),
        (FaultCode.EMPTY_QUERY, "name"),
    ]


def test_a_name_is_for_people_and_need_not_be_a_query(store: SqliteStore) -> None:
    registry = make_registry(store, catalogue_conditions())
    new = NewCondition(text="T waves like a tent", name="no peace for T waves")
    assert register(new, make_resolver(registry), registry)[1]
