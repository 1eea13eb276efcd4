import numpy as np
import pytest
from numpy.typing import NDArray

from api_schemas import NewCondition
from ecg_core.errors import BuiltInCondition, ConditionNotFound, FaultCode, InvalidQuery
from service.errors import StoreUnavailable
from service.storage.base import StoredCondition
from service.storage.sqlite import SqliteStore
from tests.support.service import (
    DIMENSION,
    make_condition,
    make_registry,
    make_stored,
    text_vector,
)

BUILT_IN = [make_condition("atrial-flutter"), make_condition("sinus-rhythm")]
TEXT = "hyperkalaemia with peaked T waves"
NEW = (NewCondition(text=TEXT, name="Hyperkalämie", synonyms=("high potassium",)), TEXT)


def registration(text: str, name: str = "", *synonyms: str) -> tuple[NewCondition, str]:
    return NewCondition(text=text, name=name or text, synonyms=synonyms), text


def test_a_registered_condition_is_found_by_each_of_its_wordings(store: SqliteStore) -> None:
    registry = make_registry(store, BUILT_IN)
    added, is_new = registry.add(*NEW)
    assert is_new
    find = registry.finder()
    for wording in ("Hyperkalemia with peaked T-waves", "HYPERKALÄMIE", "high  potassium"):
        assert find(wording) is added
    assert find("low potassium") is None


def test_its_id_follows_from_name_and_text_alone(store: SqliteStore) -> None:
    one, other = make_registry(store, BUILT_IN), make_registry(store)
    added, _ = one.add(*NEW)
    one.remove(added.id)
    assert other.add(*NEW)[0].id == added.id
    assert added.id.startswith("hyperkalamie-")


def test_the_same_text_again_gives_the_one_that_exists(store: SqliteStore) -> None:
    registry = make_registry(store, BUILT_IN)
    first, _ = registry.add(*NEW)
    again, is_new = registry.add(*registration("Hyperkalemia, with peaked T waves", "other name"))
    assert again is first
    assert not is_new


def test_a_wording_goes_on_naming_what_it_named_first(store: SqliteStore) -> None:
    registry = make_registry(store, BUILT_IN)
    first, _ = registry.add(*registration("one new thing", "sinus rhythm", "shared"))
    second, is_new = registry.add(*registration("another new thing", "Shared", "Atrial flutter"))
    assert is_new
    find = registry.finder()
    wordings = ("sinus rhythm", "atrial flutter", "shared", "another new thing")
    found = [condition.id for wording in wordings if (condition := find(wording))]
    assert found == ["sinus-rhythm", "atrial-flutter", first.id, second.id]


def test_too_many_conditions_are_refused(store: SqliteStore) -> None:
    registry = make_registry(store, BUILT_IN, max_registered=1)
    registry.add(*NEW)
    with pytest.raises(InvalidQuery) as caught:
        registry.add(*registration("one more"))
    assert [fault.code for fault in caught.value.faults] == [FaultCode.TOO_MANY_QUERIES]


def test_all_lists_the_catalogue_first(store: SqliteStore) -> None:
    registry = make_registry(store, BUILT_IN)
    added, _ = registry.add(*NEW)
    assert [c.id for c in registry.all()] == ["atrial-flutter", "sinus-rhythm", added.id]


def test_removing(store: SqliteStore) -> None:
    registry = make_registry(store, BUILT_IN)
    added, _ = registry.add(*NEW)
    registry.remove(added.id)
    assert registry.finder()(TEXT) is None
    with pytest.raises(ConditionNotFound):
        registry.remove(added.id)
    with pytest.raises(ConditionNotFound):
        registry.get(added.id)
    with pytest.raises(BuiltInCondition):
        registry.remove("sinus-rhythm")


def test_another_process_is_noticed(store: SqliteStore) -> None:
    one, other = make_registry(store, BUILT_IN), make_registry(store, BUILT_IN)
    added, _ = one.add(*NEW)
    assert other.get(added.id).text == TEXT
    other.remove(added.id)
    assert len(one.all()) == len(BUILT_IN)


def test_the_embedding_is_computed_once(store: SqliteStore) -> None:
    embedded: list[str] = []

    def embed(text: str) -> NDArray[np.float32]:
        embedded.append(text)
        return text_vector(text)

    registry = make_registry(store, BUILT_IN, embed=embed)
    added, _ = registry.add(*NEW)
    registry.all()
    registry.get(added.id)
    assert embedded == [TEXT]


@pytest.mark.parametrize(
    "foreign",
    [
        make_stored("x", embedding=text_vector("something else"), encoder_digest="b" * 64),
        make_stored("x", embedding=np.zeros(2, np.float32)),
        make_stored("x", embedding=np.full(DIMENSION, np.nan, np.float32)),
        make_stored("x", embedding=np.ones(DIMENSION, np.float32)),
    ],
    ids=["another encoder's", "wrong size", "not finite", "no unit vector"],
)
def test_an_embedding_that_does_not_fit_is_never_used(
    store: SqliteStore, foreign: StoredCondition
) -> None:
    store.add(foreign)
    registry = make_registry(store, BUILT_IN)
    np.testing.assert_array_equal(registry.get("x").embedding, text_vector(foreign.text))
    np.testing.assert_array_equal(store.all()[0].embedding, foreign.embedding)
    assert registry.take_over() == 1
    np.testing.assert_array_equal(store.all()[0].embedding, text_vector(foreign.text))
    assert registry.take_over() == 0


def test_while_the_store_is_down_the_last_state_is_used_and_nothing_is_acknowledged(
    store: SqliteStore,
) -> None:
    registry = make_registry(store, BUILT_IN)
    added, _ = registry.add(*NEW)
    store.close()
    assert registry.get(added.id) is added
    for call in (
        registry.check,
        lambda: registry.remove(added.id),
        lambda: registry.add(*registration("one more")),
    ):
        with pytest.raises(StoreUnavailable):
            call()


def test_what_a_store_held_at_the_start_is_known_though_it_never_answers_again(
    store: SqliteStore,
) -> None:
    added, _ = make_registry(store, BUILT_IN).add(*NEW)
    registry = make_registry(store, BUILT_IN)
    registry.take_over()
    store.close()
    assert registry.get(added.id).text == TEXT
    assert registry.finder()(TEXT) is not None


def test_no_condition_is_said_not_to_be_there_by_a_store_that_does_not_answer(
    store: SqliteStore,
) -> None:
    registry = make_registry(store, BUILT_IN)
    store.close()
    with pytest.raises(StoreUnavailable):
        registry.get("x")
    assert registry.get(BUILT_IN[0].id) is BUILT_IN[0]
