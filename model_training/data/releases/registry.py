"""The one table of releases that can be read."""

from collections.abc import Mapping
from types import MappingProxyType

from model_training.data.releases.base import Release
from model_training.data.releases.challenge import Challenge
from model_training.data.releases.chapman import ChapmanShaoxingNingbo
from model_training.data.releases.code15 import Code15
from model_training.data.releases.cpsc2018 import Cpsc2018
from model_training.data.releases.mimic_iv_ecg import MimicIvEcg
from model_training.data.releases.ptb_xl import PtbXl
from model_training.data.releases.ptb_xl_benchmark import PtbXlBenchmark

_ALL: tuple[Release, ...] = (
    PtbXl("ptb-xl", "hr"),
    PtbXl("ptb-xl-100", "lr"),
    PtbXlBenchmark(),
    MimicIvEcg(),
    Challenge(),
    Cpsc2018(),
    ChapmanShaoxingNingbo(),
    Code15(),
)
RELEASES: Mapping[str, Release] = MappingProxyType({release.name: release for release in _ALL})
