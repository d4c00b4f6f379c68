"""Take out of a program's file what nobody here reads and what names a machine: `python shorten.py FROM TO`.

Of lm-eval's summary the description of the machine; of inspect's log the events, the transcripts of scripted models, the
tracebacks; of promptfoo's output what it repeats in every row. All that is left stands as the program wrote it.
"""

import json
import sys
from pathlib import Path
from typing import Any

MACHINE = ("pretty_env_info", "git_hash", "upper_git_hash", "nodeVersion", "platform", "arch")
LONG = ("events", "events_data", "attachments", "traceback", "traceback_ansi", "custom_outputs", "grading", "reductions")
REPEATED = ("tokenUsage", "tokensUsed", "namedScoreWeights", "renderedGradingPrompt")


def shorter(value: Any) -> Any:
    """`value` without what is left out, at any depth."""
    if isinstance(value, dict):
        return {key: shorter(inner) for key, inner in value.items() if key not in (*MACHINE, *LONG, *REPEATED)}
    return [shorter(inner) for inner in value] if isinstance(value, list) else value


def first_line(value: Any) -> Any:
    """`value` with each text that goes on into a stack trace ended before it."""
    if isinstance(value, dict):
        return {key: first_line(inner) for key, inner in value.items()}
    if isinstance(value, str) and ("\n    at " in value or "\nStack Trace" in value):
        return value.partition("\n")[0]
    return [first_line(inner) for inner in value] if isinstance(value, list) else value


source, target = map(Path, sys.argv[1:3])
told = first_line(shorter(json.loads(source.read_text())))
if "samples" in told:
    told.pop("stats", None)
    told.pop("results", None)
target.parent.mkdir(parents=True, exist_ok=True)
target.write_text(json.dumps(told, ensure_ascii=False, indent=1) + "\n")
