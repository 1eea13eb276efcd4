"""What a model answers from fewer leads than twelve, and from short or poor recordings.

Decided on validation recordings for each named set of leads, and kept in the bundle's manifest. A
set holds the limb leads that follow from others: I and II make all six.
"""

from collections.abc import Collection
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from ecg_core.calibration import Calibration


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class LeadSet(_Part):
    """A set of leads with its calibration; trained conditions not named are not answered by it.

    Attributes:
        name: As people call it.
        leads: All that are there, derived ones included.
        temperature, bias: As in `Calibration`, for this set.
        calibrated: Ids of trained conditions whose probability is as well calibrated as with all
            leads.
        uncalibrated: Ids of those that are told apart about as well, but not calibrated.
    """

    name: str
    leads: tuple[str, ...]
    temperature: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    bias: Annotated[float, Field(allow_inf_nan=False)]
    calibrated: tuple[str, ...]
    uncalibrated: tuple[str, ...]

    @property
    def answered(self) -> frozenset[str]:
        """Ids of the trained conditions that it answers."""
        return frozenset((*self.calibrated, *self.uncalibrated))

    def calibration(self, whole: Calibration) -> Calibration:
        """The calibration for this set; `whole` is that of all leads."""
        return whole.model_copy(update={"temperature": self.temperature, "bias": self.bias})


class LeadSets(_Part):
    """Everything that is said of recordings that are not whole.

    Attributes:
        sets: Named sets of fewer leads than all.
        shortest_calibrated_s: Length in seconds from which on probabilities are calibrated.
        poor_is_calibrated: Whether they are on recordings with the warning `poor_quality`.
    """

    sets: tuple[LeadSet, ...]
    shortest_calibrated_s: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    poor_is_calibrated: bool

    def of(self, there: Collection[str]) -> LeadSet | None:
        """The largest named set within the leads that are there (of equals the first), or None.

        What else is there is to be left unused: nothing was measured of such a recording.
        """
        within = [one for one in self.sets if set(one.leads) <= set(there)]
        return max(within, key=lambda one: len(one.leads), default=None)
