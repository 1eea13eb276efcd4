from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from numpy.typing import NDArray

from ecg_core.errors import DeadlineExceeded
from ecg_core.prompts import PromptTemplates
from service.engine.queries.embeddings import (
    AskedQuery,
    EmbeddingCache,
    Lookups,
    QueryEmbeddings,
    SharedEmbeddings,
)
from tests.support.service import FakeTextEncoder, Gate, make_condition

PROMPTS = PromptTemplates(templates=("{term}", "ECG of {term}"))


class Bench:
    def __init__(self, max_entries: int = 10, shared: SharedEmbeddings | None = None) -> None:
        self.encoder = FakeTextEncoder()
        self.lookups: list[Lookups] = []
        self.cache = EmbeddingCache(max_entries)
        self.embeddings = QueryEmbeddings(
            self.encoder, PROMPTS, self.cache, self.lookups.append, shared
        )


def free(term: str) -> AskedQuery:
    return AskedQuery(term, term)


def test_a_free_text_is_the_unit_mean_of_its_prompts() -> None:
    bench = Bench()
    (embedding,) = bench.embeddings.get([free("delta wave")])
    mean = FakeTextEncoder().embed(["delta wave", "ECG of delta wave"]).mean(axis=0)
    np.testing.assert_allclose(embedding, mean / np.linalg.norm(mean), atol=1e-6)


def test_a_text_is_embedded_once_and_a_known_condition_never() -> None:
    bench = Bench()
    known = AskedQuery("AF", "AF", make_condition("atrial-fibrillation"))
    bench.embeddings.get([known, free("delta wave")])
    bench.embeddings.get([free("delta wave"), known])
    assert bench.encoder.texts == ["delta wave", "ECG of delta wave"]
    assert bench.lookups == [Lookups(known=1, made=1), Lookups(known=1, process=1)]


def test_rows_stand_in_the_order_of_the_queries_and_do_not_depend_on_the_others() -> None:
    bench = Bench()
    together = bench.embeddings.get([free("a b"), free("c"), free("d e f")])
    for row, term in enumerate(["a b", "c", "d e f"]):
        (alone,) = Bench().embeddings.get([free(term)])
        np.testing.assert_array_equal(together[row], alone)


def test_the_cache_is_bounded_and_drops_what_was_not_used_for_longest() -> None:
    bench = Bench(max_entries=2)
    for term in ("a", "b", "a", "c", "a", "b"):
        bench.embeddings.get([free(term)])
    assert len(bench.cache) == 2
    assert [text for text in bench.encoder.texts if len(text) == 1] == ["a", "b", "c", "b"]


def test_embedding_stops_when_the_time_is_up() -> None:
    bench = Bench()

    def late() -> None:
        if len(bench.encoder.texts) >= 4:
            raise DeadlineExceeded

    with pytest.raises(DeadlineExceeded):
        bench.embeddings.get([free(str(n)) for n in range(10)], late)
    assert len(bench.encoder.texts) == 4


class Shelf:
    """A cache behind the process's own; counts its round trips."""

    def __init__(self) -> None:
        self.held: dict[str, NDArray[np.float32]] = {}
        self.reads: list[list[str]] = []
        self.writes: list[list[str]] = []

    def get_many(self, terms: Sequence[str]) -> dict[str, NDArray[np.float32]]:
        self.reads.append(list(terms))
        return {term: self.held[term] for term in terms if term in self.held}

    def put_many(self, embeddings: Mapping[str, NDArray[np.float32]]) -> None:
        self.writes.append(list(embeddings))
        self.held.update(embeddings)


def test_what_another_process_embedded_is_not_embedded_again() -> None:
    shelf = Shelf()
    one, other = Bench(shared=shelf), Bench(shared=shelf)
    first = one.embeddings.get([free("a"), free("b"), free("a")])
    second = other.embeddings.get([free("b"), free("c"), free("a")])
    np.testing.assert_array_equal(second[[2, 0]], first[[0, 1]])
    assert other.encoder.texts == ["c", "ECG of c"]
    assert other.lookups == [Lookups(shared=2, made=1)]
    assert shelf.reads == [["a", "b"], ["b", "c", "a"]]
    assert shelf.writes == [["a", "b"], ["c"]]


def test_what_the_process_holds_is_asked_of_nobody() -> None:
    shelf = Shelf()
    bench = Bench(shared=shelf)
    known = AskedQuery("AF", "AF", make_condition("atrial-fibrillation"))
    bench.embeddings.get([known])
    bench.embeddings.get([free("a")])
    bench.embeddings.get([free("a"), known])
    assert shelf.reads == [["a"]]


def test_what_was_embedded_before_the_time_was_up_is_kept() -> None:
    shelf = Shelf()
    steps = iter([None, None, DeadlineExceeded()])

    def checkpoint() -> None:
        if (error := next(steps)) is not None:
            raise error

    with pytest.raises(DeadlineExceeded):
        Bench(shared=shelf).embeddings.get([free("a"), free("b"), free("c")], checkpoint)
    assert shelf.writes == [["a", "b"]]


def test_two_requests_that_ask_the_same_new_text_embed_it_once() -> None:
    gate = Gate()
    bench = Bench(shared=Shelf())
    embed = bench.encoder.embed

    def slowly(texts: Sequence[str]) -> NDArray[np.float32]:
        gate.pass_through()
        return embed(texts)

    bench.encoder.embed = slowly  # type: ignore[method-assign]
    with ThreadPoolExecutor(4) as threads:
        answers = [threads.submit(bench.embeddings.get, [free("delta wave")]) for _ in range(4)]
        assert gate.reached.wait(60)
        gate.open()
        rows = [answer.result(10) for answer in answers]
    assert bench.encoder.texts == ["delta wave", "ECG of delta wave"]
    for row in rows:
        np.testing.assert_array_equal(row, rows[0])
