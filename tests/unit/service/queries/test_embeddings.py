import numpy as np
import pytest

from ecg_core.errors import DeadlineExceeded
from ecg_core.prompts import PromptTemplates
from service.queries.embeddings import AskedQuery, EmbeddingCache, QueryEmbeddings
from tests.service_fixtures import FakeTextEncoder, make_condition

PROMPTS = PromptTemplates(templates=("{term}", "ECG of {term}"))


class Bench:
    def __init__(self, max_entries: int = 10) -> None:
        self.encoder = FakeTextEncoder()
        self.lookups: list[tuple[int, int]] = []
        self.cache = EmbeddingCache(max_entries)
        self.embeddings = QueryEmbeddings(
            self.encoder, PROMPTS, self.cache, lambda hit, miss: self.lookups.append((hit, miss))
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
    assert bench.lookups == [(1, 1), (2, 0)]


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
