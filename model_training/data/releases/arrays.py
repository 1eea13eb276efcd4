"""Recordings that come as bare arrays (HDF5, MATLAB): no header says lead, rate or unit."""

import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray
from scipy.io import loadmat
from scipy.io.matlab import MatReadError

from ecg_core.errors import FaultCode, UnreadableRecording
from ecg_core.leads import LEADS
from ecg_core.recording import Recording

# What scipy and h5py raise at files that are cut off, altered or no such file at all.
_BROKEN = (
    *(MatReadError, zlib.error, struct.error),
    *(OSError, ValueError, TypeError, KeyError, IndexError, NotImplementedError, EOFError),
)


def standard_recording(samples_mv: NDArray[Any], sampling_rate_hz: float) -> Recording:
    """A recording of the twelve leads in the standard order.

    Args:
        samples_mv: Shape (lead, sample), millivolts.
        sampling_rate_hz: Samples a second.

    Raises:
        UnreadableRecording: The array is not of numbers in that shape.
    """
    is_numeric = np.issubdtype(samples_mv.dtype, np.number)
    if samples_mv.ndim != 2 or samples_mv.shape[0] != len(LEADS) or not is_numeric:
        detail = "the array is not of numbers in the shape (12, samples)"
        raise UnreadableRecording.of(FaultCode.SIGNAL_FILE_MISMATCH, detail)
    # A table in stated units and order is what the format "csv" means; nobody asks here.
    return Recording(samples_mv.astype(np.float32), LEADS, sampling_rate_hz, "csv")


@contextmanager
def broken_files_are_refused() -> Iterator[None]:
    """Translate what libraries raise at a broken file; a file that is not there stays that.

    Raises:
        UnreadableRecording: The file is broken.
        FileNotFoundError: It is not there.
    """
    try:
        yield
    except FileNotFoundError:
        raise
    except _BROKEN as error:
        detail = "the file is cut off, altered or of another format"
        raise UnreadableRecording.of(FaultCode.SIGNAL_FILE_MISMATCH, detail) from error


def read_matlab(path: Path, *names: str) -> NDArray[Any]:
    """A variable of a MATLAB file, or a field of its struct.

    Args:
        path: The file.
        names: The variable's name, then the field's.

    Raises:
        UnreadableRecording: The file is broken, or has no such variable.
        FileNotFoundError: It is not there.
    """
    with broken_files_are_refused():
        value = loadmat(path, variable_names=[names[0]])[names[0]]
        for name in names[1:]:
            value = value[name].flat[0]
        return np.asarray(value)


def read_hdf5(path: Path, name: str) -> NDArray[Any]:
    """A data set of an HDF5 file.

    Raises:
        UnreadableRecording: The file is broken, or has no such data set.
        FileNotFoundError: It is not there.
    """
    with broken_files_are_refused(), h5py.File(path, "r") as file:
        return np.asarray(file[name])
