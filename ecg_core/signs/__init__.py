"""Measured signs: what an ECG says without any reader, as numbers and in words.

A reader's label says that a condition is there; a sign says what it is made of. The network takes
signs beside the waveform, and a condition that it was never trained on can be recognised by what
its description names ("PR interval above 200 ms").
"""

from ecg_core.signs.language import Sign
from ecg_core.signs.measure import SIGNS, measure_signs, signs_measured

__all__ = ["SIGNS", "Sign", "measure_signs", "signs_measured"]
