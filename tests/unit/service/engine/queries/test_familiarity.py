import numpy as np
import pytest

from ecg_core.bundle import FamiliaritySpec
from ecg_core.errors import InvalidBundle
from service.engine.queries.embeddings import AskedQuery
from service.engine.queries.familiarity import FamiliarityClassifier
from tests.support.service import make_condition, text_vector

FLUTTER = make_condition("atrial-flutter")
BLOCK = make_condition("bundle-branch-block")
UNTRAINED = make_condition("delta-wave", trained=False)
NARROWER = make_condition("ashman-beat", trained=False, relatives=["bundle-branch-block", "x"])


@pytest.fixture
def classifier() -> FamiliarityClassifier:
    conditions = [FLUTTER, BLOCK, UNTRAINED, NARROWER]
    return FamiliarityClassifier(conditions, FamiliaritySpec(near_similarity=0.7))


def test_a_trained_condition_is_known_and_nearest_to_itself(
    classifier: FamiliarityClassifier,
) -> None:
    nearest = classifier.classify_condition(FLUTTER)
    assert (nearest.familiarity, nearest.id, nearest.similarity) == (
        "known",
        "atrial-flutter",
        1.0,
    )


def test_a_text_close_to_a_trained_condition_is_near(classifier: FamiliarityClassifier) -> None:
    embedding = text_vector("bundle branch block pattern")
    (nearest,) = classifier.classify([AskedQuery("BBB?", "bundle pattern")], embedding[np.newaxis])
    assert (nearest.familiarity, nearest.id) == ("near", "bundle-branch-block")
    assert nearest.similarity == pytest.approx(float(embedding @ BLOCK.embedding))


def test_a_relative_of_a_trained_condition_is_near_whatever_its_wording(
    classifier: FamiliarityClassifier,
) -> None:
    nearest = classifier.classify_condition(NARROWER)
    assert (nearest.familiarity, nearest.id) == ("near", "bundle-branch-block")


def test_everything_else_is_unseen_and_still_names_the_nearest(
    classifier: FamiliarityClassifier,
) -> None:
    nearest = classifier.classify_condition(UNTRAINED)
    assert nearest.familiarity == "unseen"
    assert nearest.id in ("atrial-flutter", "bundle-branch-block")
    assert -1 <= nearest.similarity < 0.7


def test_each_query_stands_for_itself_and_the_answer_is_remembered() -> None:
    conditions = [FLUTTER, BLOCK, UNTRAINED]
    classifier = FamiliarityClassifier(conditions, FamiliaritySpec(near_similarity=0.7))
    texts = ["bundle branch", "delta", "something else"]
    queries = [AskedQuery("x", text) for text in texts]
    embeddings = np.stack([text_vector(text) for text in texts])
    together = classifier.classify(queries, embeddings)
    assert classifier.classify(queries[::-1], embeddings[::-1]) == together[::-1]
    for query, embedding, nearest in zip(queries, embeddings, together, strict=True):
        fresh = FamiliarityClassifier(conditions, FamiliaritySpec(near_similarity=0.7))
        assert fresh.classify([query], embedding[np.newaxis]) == [nearest]
    assert classifier.classify([], embeddings[:0]) == []


def test_a_query_that_names_a_condition_stands_where_the_condition_does(
    classifier: FamiliarityClassifier,
) -> None:
    query = AskedQuery("flutter", "flutter", FLUTTER)
    assert classifier.classify([query], FLUTTER.embedding[np.newaxis]) == [
        classifier.classify_condition(FLUTTER)
    ]


def test_a_bundle_without_trained_conditions_is_refused() -> None:
    with pytest.raises(InvalidBundle):
        FamiliarityClassifier([UNTRAINED], FamiliaritySpec(near_similarity=0.7))
