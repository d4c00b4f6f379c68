"""models.yaml: reading it strictly, answering what is served, and changing it without touching anything else."""

from evalgate.registry.editing import Rollback, add_variant, rollback, set_flag
from evalgate.registry.reading import existing, feature_of, load, parse
from evalgate.registry.routing import BUCKETS, Served, resolve

__all__ = [
    "BUCKETS",
    "Rollback",
    "Served",
    "add_variant",
    "existing",
    "feature_of",
    "load",
    "parse",
    "resolve",
    "rollback",
    "set_flag",
]
