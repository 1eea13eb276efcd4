"""Rules alone: the catalogue's signs, and nothing that was learned."""

import numpy as np
import pytest
import torch

from ecg_core.conditions import Catalogue
from ecg_core.signs import SIGNS
from model_training.models.concepts import CERTAIN
from model_training.run.methods import METHODS, RULES, WITH_SIGNS, SignRules

NAMES = [sign.name for sign in SIGNS]


def test_rules_weigh_the_kth_sign_by_one_over_k_and_read_nothing_else():
    condition = Catalogue.load().get("atrial-fibrillation")
    first, second = (NAMES.index(name) for name in condition.signs[:2])
    signs = np.full((4, len(SIGNS)), np.nan, np.float32)
    signs[0, [first, second]] = 9
    signs[1, first] = 9
    signs[2, second] = 9
    rules = SignRules(lambda windows: signs[: len(windows)])
    asked = np.concatenate([rules.conditions([condition]), rules.free_texts(["anything"])])
    logits = rules.logits(torch.zeros(4, 12, 8), torch.from_numpy(asked)).numpy()
    share = 1 / sum(1 / rank for rank in range(1, len(condition.signs) + 1))
    expected = CERTAIN * np.array([1.5, 1, 0.5, 0]) * share
    np.testing.assert_allclose(logits[:, 0], expected, atol=1e-2)
    assert not logits[:, 1].any()
    np.testing.assert_array_equal(rules.untrained([condition]), rules.conditions([condition]))
    assert rules.signs(condition.signs[:1])[0, first] == pytest.approx(1)


def test_rules_are_no_peer_and_peers_with_signs_are():
    assert set(WITH_SIGNS) <= METHODS.keys() - {RULES}
    assert RULES in METHODS
