"""Peers of the method on the same recordings, conditions and epochs: what it has to beat."""

from model_training.peers.config import (
    KedConfig,
    MerlConfig,
    PeersConfig,
    PeerSignsConfig,
    load_peers_config,
)
from model_training.peers.fixed import train_fixed
from model_training.peers.ked import train_ked
from model_training.peers.merl import train_merl
from model_training.peers.signs import GivenSigns
from model_training.peers.task import PeerTask, Report, Scorer

__all__ = [
    "GivenSigns",
    "KedConfig",
    "MerlConfig",
    "PeerSignsConfig",
    "PeerTask",
    "PeersConfig",
    "Report",
    "Scorer",
    "load_peers_config",
    "train_fixed",
    "train_ked",
    "train_merl",
]
