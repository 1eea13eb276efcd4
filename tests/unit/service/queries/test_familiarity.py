import numpy as np
import pytest

from ecg_core.bundle import FamiliaritySpec
from ecg_core.errors import InvalidBundle
from service.queries.embeddings import AskedQuery
from service.queries.familiarity import FamiliarityJudge
from tests.service_fixtures import make_condition, text_vector

FLUTTER = make_condition("atrial-flutter")
BLOCK = make_condition("bundle-branch-block")
UNTRAINED = make_condition("delta-wave", trained=False)
NARROWER = make_condition("ashman-beat", trained=False, relatives=["bundle-branch-block", "x"])


@pytest.fixture
def judge() -> FamiliarityJudge:
    conditions = [FLUTTER, BLOCK, UNTRAINED, NARROWER]
    return FamiliarityJudge(conditions, FamiliaritySpec(near_similarity=0.7))


def test_a_trained_condition_is_known_and_nearest_to_itself(judge: FamiliarityJudge) -> None:
    standing = judge.judge_condition(FLUTTER)
    assert (standing.familiarity, standing.nearest_id, standing.similarity) == (
        "known",
        "atrial-flutter",
        1.0,
    )


def test_a_text_close_to_a_trained_condition_is_near(judge: FamiliarityJudge) -> None:
    embedding = text_vector("bundle branch block pattern")
    (standing,) = judge.judge([AskedQuery("BBB?", "bundle pattern")], embedding[np.newaxis])
    assert (standing.familiarity, standing.nearest_id) == ("near", "bundle-branch-block")
    assert standing.similarity == pytest.approx(float(embedding @ BLOCK.embedding))


def test_a_relative_of_a_trained_condition_is_near_whatever_its_wording(
    judge: FamiliarityJudge,
) -> None:
    standing = judge.judge_condition(NARROWER)
    assert (standing.familiarity, standing.nearest_id) == ("near", "bundle-branch-block")


def test_everything_else_is_unseen_and_still_names_the_nearest(judge: FamiliarityJudge) -> None:
    standing = judge.judge_condition(UNTRAINED)
    assert standing.familiarity == "unseen"
    assert standing.nearest_id in ("atrial-flutter", "bundle-branch-block")
    assert -1 <= standing.similarity < 0.7


def test_each_query_stands_for_itself_and_the_answer_is_remembered() -> None:
    conditions = [FLUTTER, BLOCK, UNTRAINED]
    judge = FamiliarityJudge(conditions, FamiliaritySpec(near_similarity=0.7))
    texts = ["bundle branch", "delta", "something else"]
    queries = [AskedQuery("x", text) for text in texts]
    embeddings = np.stack([text_vector(text) for text in texts])
    together = judge.judge(queries, embeddings)
    assert judge.judge(queries[::-1], embeddings[::-1]) == together[::-1]
    for query, embedding, standing in zip(queries, embeddings, together, strict=True):
        fresh = FamiliarityJudge(conditions, FamiliaritySpec(near_similarity=0.7))
        assert fresh.judge([query], embedding[np.newaxis]) == [standing]
    assert judge.judge([], embeddings[:0]) == []


def test_a_query_that_names_a_condition_stands_where_the_condition_does(
    judge: FamiliarityJudge,
) -> None:
    query = AskedQuery("flutter", "flutter", FLUTTER)
    assert judge.judge([query], FLUTTER.embedding[np.newaxis]) == [judge.judge_condition(FLUTTER)]


def test_a_bundle_without_trained_conditions_is_refused() -> None:
    with pytest.raises(InvalidBundle):
        FamiliarityJudge([UNTRAINED], FamiliaritySpec(near_similarity=0.7))
