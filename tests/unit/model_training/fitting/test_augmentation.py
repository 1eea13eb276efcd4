import pytest
import torch

from model_training.fitting.augmentation import Augmentation, AugmentationConfig

NONE = {"shift_s": 0, "gain": 0, "lead_dropout": 0, "noise_mv": 0, "wander_mv": 0}


def augment(windows, **changes):
    config = AugmentationConfig(**{**NONE, **changes})
    return Augmentation(config, sampling_rate_hz=100, millivolts_per_unit=0.5)(windows)


@pytest.fixture
def windows():
    torch.manual_seed(1)
    return torch.randn(16, 12, 1000)


def test_nothing_asked_for_changes_nothing(windows):
    torch.testing.assert_close(augment(windows), windows)


def test_the_batch_itself_is_left_alone(windows):
    before = windows.clone()
    augment(windows, shift_s=2, gain=0.1, lead_dropout=0.5, noise_mv=0.1, wander_mv=0.1)
    torch.testing.assert_close(windows, before)


def test_dropped_leads_are_zero_and_the_others_untouched(windows):
    changed = augment(windows, lead_dropout=0.5)
    dropped = (changed == 0).all(dim=2)
    assert 0.3 < dropped.float().mean() < 0.7
    torch.testing.assert_close(changed[~dropped], windows[~dropped])


def test_shift_moves_all_leads_together_and_fills_with_zeros():
    ramp = torch.arange(1.0, 1001.0).expand(32, 12, 1000).contiguous()
    changed = augment(ramp, shift_s=2)
    assert (changed == changed[:, :1]).all()
    for window in changed[:, 0]:
        inside = window[window != 0]
        assert len(inside) >= 800
        assert (inside.diff() == 1).all()


def test_gain_is_one_factor_a_recording(windows):
    ratio = augment(windows, gain=0.1) / windows
    torch.testing.assert_close(ratio, ratio[:, :1, :1].expand_as(ratio), rtol=1e-4, atol=1e-4)


def test_wander_and_noise_stay_within_their_millivolts():
    silent = torch.zeros(8, 12, 1000)
    assert augment(silent, wander_mv=0.1).abs().max() * 0.5 <= 0.1 + 1e-6
    assert 0 < augment(silent, noise_mv=0.02).std() * 0.5 < 0.02
