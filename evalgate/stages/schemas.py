"""JSON Schemas of the files that others read, made from the records."""

import orjson

from evalgate.records.base import Record
from evalgate.records.check import CheckReport
from evalgate.records.comparison import Comparison
from evalgate.records.evaluation import CaseResult, Preferences, Probe, ResultsHeader
from evalgate.records.paths import PathsDecision
from evalgate.records.policy import Policy
from evalgate.records.registry import Registry
from evalgate.records.suite import Case
from evalgate.records.training import TrainingRun
from evalgate.records.verdict import Verdict

PUBLISHED: dict[str, type[Record]] = {
    "evalgate.yaml": Policy,
    "case": Case,
    "check": CheckReport,
    "training": TrainingRun,
    "results-header": ResultsHeader,
    "results-case": CaseResult,
    "latency": Probe,
    "preferences": Preferences,
    "compare": Comparison,
    "verdict": Verdict,
    "paths": PathsDecision,
    "models.yaml": Registry,
}


def all_schemas() -> dict[str, bytes]:
    """File name -> JSON Schema (draft 2020-12), for editors and other programs."""
    dialect = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    return {
        f"{name}.schema.json": orjson.dumps({**dialect, **record.model_json_schema()}, option=orjson.OPT_INDENT_2) + b"\n"
        for name, record in PUBLISHED.items()
    }
