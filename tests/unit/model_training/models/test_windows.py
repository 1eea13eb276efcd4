import numpy as np
import pytest
import torch

from model_training.models.windows import Windows


def test_mapped_windows_are_read_a_batch_at_a_time(tmp_path):
    values = np.random.default_rng(0).normal(size=(7, 2, 5)).astype(np.float16)
    np.save(tmp_path / "windows.npy", values)
    stored = np.load(tmp_path / "windows.npy", mmap_mode="r")
    windows = Windows(stored, np.array([6, 0, 3]))
    assert len(windows) == 3
    read = windows[torch.tensor([1, 2])]
    assert read.dtype == torch.float32
    torch.testing.assert_close(read, torch.from_numpy(values[[0, 3]].astype(np.float32)))
    assert [len(batch) for batch in windows.split(2)] == [2, 1]
    torch.testing.assert_close(torch.cat(list(windows.split(2))), windows[torch.arange(3)])


def test_changing_a_batch_changes_nothing_stored():
    stored = np.ones((3, 2, 4), dtype=np.float32)
    Windows(stored)[torch.tensor([0, 1])].zero_()
    assert (stored == 1).all()


def test_what_is_expected_is_read_once_and_nothing_else_is_given_for_it():
    stored = np.arange(24, dtype=np.float32).reshape(4, 2, 3)
    windows = Windows(stored, np.array([3, 1, 0]))
    windows.expect(torch.tensor([0, 2]))
    assert torch.equal(windows[torch.tensor([0, 2])], torch.from_numpy(stored[[3, 0]]))
    stored[3] = -1  # read anew: what was expected has been taken
    assert torch.equal(windows[torch.tensor([0, 2])], torch.from_numpy(stored[[3, 0]]))
    windows.expect(torch.tensor([1]))
    assert torch.equal(windows[torch.tensor([0])], torch.from_numpy(stored[[3]]))


def test_a_fault_of_reading_ahead_reaches_whoever_takes_it():
    windows = Windows(np.ones((2, 1, 1), dtype=np.float32))
    windows.expect(torch.tensor([5]))
    with pytest.raises(IndexError):
        windows[torch.tensor([5])]
