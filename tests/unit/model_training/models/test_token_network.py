"""A fusion of tokens: nothing reaches a logit but what a query attends to."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ecg_core.leads import LEADS
from ecg_core.signs import SIGNS
from model_training.fitting.lead_sets import LEAD_SETS, draw_masks, mask_of
from model_training.models.concepts import mixed_tokens, told_signs
from model_training.models.naming import naming_loss
from model_training.models.token_network import leads_there
from tests.support.one_thread import one_thread  # noqa: F401
from tests.support.token_networks import (
    COMPOSED,
    CONDITIONS,
    FUSION,
    SPEC,
    TEXT_DIMENSION,
    make_token_network,
)

pytestmark = pytest.mark.usefixtures("one_thread")
TOKENS = len(CONDITIONS) + len(SIGNS) + COMPOSED


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return make_token_network()


@pytest.fixture(scope="module")
def inputs():
    torch.manual_seed(1)
    windows = torch.randn(4, 12, SPEC.window_samples)
    measured = (torch.rand(4, len(SIGNS)) < 0.7).float()
    return windows, torch.ones(4, 12), 3 * torch.randn(4, len(SIGNS)), measured


@pytest.fixture(scope="module")
def tokens(network, inputs):
    with torch.inference_mode():
        return network.tokens(*inputs)


def attention(seed, count=5):
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(count, TOKENS, generator=generator) ** 8


def test_there_is_a_token_for_each_condition_sign_and_composed_condition(tokens):
    assert tokens.shape == (4, TOKENS)


def test_attention_to_one_token_alone_gives_that_token(network, tokens):
    logits = network.fusion(tokens, torch.eye(TOKENS))
    torch.testing.assert_close(logits, tokens, atol=1e-5, rtol=0)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 1000), place=st.integers(0, 4), scale=st.floats(0.01, 100))
def test_other_queries_and_the_scale_of_attention_change_no_answer(
    network, tokens, seed, place, scale
):
    rows = attention(seed)
    together = network.fusion(tokens, rows)
    alone = network.fusion(tokens, scale * rows[[place]])
    torch.testing.assert_close(alone, together[:, [place]], atol=1e-5, rtol=1e-5)


def test_texts_attend_each_for_itself_and_all_of_it(network):
    torch.manual_seed(3)
    texts = torch.nn.functional.normalize(torch.randn(6, TEXT_DIMENSION), dim=-1)
    with torch.inference_mode():
        rows = network.naming(texts)
        alone = torch.cat([network.naming(text[None]) for text in texts])
    torch.testing.assert_close(rows, alone, atol=1e-6, rtol=0)
    torch.testing.assert_close(rows.sum(1), torch.ones(6))


def test_a_wording_attends_to_what_it_means_unless_it_is_banned(network):
    naming = network.naming
    with torch.inference_mode():
        found = naming(naming.keys[:5])
        ban = torch.eye(len(naming.keys), dtype=torch.bool)[:5]
        banned = naming(naming.keys[:5], ban)
    assert (found.argmax(1) == naming.means[:5]).all()
    assert (banned[range(5), naming.means[:5]] < found[range(5), naming.means[:5]]).all()


@pytest.mark.parametrize("name", LEAD_SETS)
def test_a_missing_lead_is_not_looked_at(network, inputs, name):
    windows, _, signs, measured = inputs
    mask = mask_of(LEAD_SETS[name]).expand(4, 12)
    with torch.inference_mode():
        whole = network.tokens(windows, mask, signs, measured)
        other = torch.where(mask.bool()[:, :, None], windows, torch.randn_like(windows))
        torch.testing.assert_close(network.tokens(other, mask, signs, measured), whole)
        every = network.tokens(windows, torch.ones(4, 12), signs, measured)
        assert not torch.allclose(every, whole)


def test_a_sign_that_was_not_measured_is_not_looked_at(network, inputs, tokens):
    windows, mask, signs, measured = inputs
    other = torch.where(measured.bool(), signs, 100 * torch.randn_like(signs))
    with torch.inference_mode():
        torch.testing.assert_close(network.tokens(windows, mask, other, measured), tokens)


def test_signs_that_are_nan_are_the_same_as_not_measured(network, inputs, tokens):
    windows, _, signs, measured = inputs
    with torch.inference_mode():
        held = network.features(windows, signs.where(measured.bool(), torch.nan))
    torch.testing.assert_close(held, tokens)


def test_without_any_measured_sign_the_waveform_alone_answers():
    wave, by_signs = torch.randn(3, 5), torch.randn(3, 2)
    none = torch.zeros(3, 3)
    mixed = mixed_tokens(wave, by_signs, none, none, FUSION)
    torch.testing.assert_close(mixed, torch.cat([wave[:, :2], 2 * wave[:, 2:]], dim=1))


def test_a_composed_condition_is_its_signs_weighted(network, tokens):
    first = len(CONDITIONS)
    signs = tokens[:, first : first + len(SIGNS)]
    made = tokens[:, first + len(SIGNS) :]
    torch.testing.assert_close(made[:, 0], (2 * signs[:, 0] + signs[:, 1]) / 3)
    torch.testing.assert_close(made[:, 1], signs[:, 5])


def test_a_sign_learned_by_the_waveform_is_in_the_measurements_unit():
    signs = torch.tensor([-3.0, 0.0, 1.5])
    torch.testing.assert_close(2 * torch.logit(told_signs(signs)), signs)
    assert told_signs(torch.tensor([torch.nan])).isnan().all()


def test_masks_keep_all_leads_or_some_and_never_none():
    torch.manual_seed(0)
    masks = draw_masks(400, 0.5)
    lacking = masks.sum(1) < len(LEADS)
    assert 0.4 < lacking.float().mean() < 0.6
    assert (masks.sum(1) >= 1).all()
    assert any((masks == mask_of(LEADS[:6])).all(1))
    assert (draw_masks(50, 0.0) == 1).all()


def test_leads_of_zeros_are_not_there():
    windows = torch.randn(2, 12, 50)
    windows[1, 3:] = 0
    expected = torch.ones(2, 12)
    expected[1, 3:] = 0
    torch.testing.assert_close(leads_there(windows), expected)


def test_naming_learns_to_find_a_wording_by_the_others():
    torch.manual_seed(0)
    network = make_token_network()
    centres = torch.randn(TOKENS, TEXT_DIMENSION)
    noise = torch.randn(3, TOKENS, TEXT_DIMENSION)
    noise[..., 4:] *= 0.2  # how it is said, apart from what it means, lies in the first four
    keys = torch.nn.functional.normalize((centres + 2 * noise).flatten(0, 1), dim=-1)
    network.naming.listen(keys, torch.arange(TOKENS).repeat(3))
    optimiser = torch.optim.AdamW(network.naming.parameters(), lr=1e-2)
    rows = torch.arange(len(keys))
    losses = []
    for _ in range(30):
        loss = naming_loss(network.naming, rows, noise=0.1, mixed=0.3, banned=0.8)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.7 * losses[0]
