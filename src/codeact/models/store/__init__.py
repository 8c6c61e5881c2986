"""Weights by name, in a folder of the user's cache."""

from codeact.models.store.adapted import AdaptedWeights
from codeact.models.store.disk import DiskError
from codeact.models.store.entries import StoredWeights
from codeact.models.store.pulling import PullOptions, SourceKind
from codeact.models.store.store import Store, adapter_of, default_root

__all__ = [
    "AdaptedWeights",
    "DiskError",
    "PullOptions",
    "SourceKind",
    "Store",
    "StoredWeights",
    "adapter_of",
    "default_root",
]
