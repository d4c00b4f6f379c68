"""Two tasks of inspect over scripted answers: `python intent.py VARIANT TASK FORMAT EPOCHS LOGS [LIMIT]`.

`intent` is what a team would run; `odd` has every value that a score may have, and samples that fail.
"""

import json
import sys
from pathlib import Path
from typing import Any

from inspect_ai import Task, eval, task
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.model import Model, ModelOutput, ModelUsage, get_model
from inspect_ai.scorer import Score, Scorer, Target, exact, includes, match, mean, model_graded_qa, scorer
from inspect_ai.solver import Generate, Solver, TaskState, generate, solver

FOLDER = Path(__file__).resolve().parent.parent
ROWS = [json.loads(line) for line in (FOLDER / "intent.jsonl").read_text().splitlines()]
ANSWERS = json.loads((FOLDER / "answers.json").read_text())
ODD: list[Any] = ["C", "I", "P", "N", True, False, 0.25, 5, -1, float("nan"), "maybe", "1", [1, 0], {"tone": 1, "fact": "I"}]


def scripted(name: str, answers: list[str]) -> Model:
    """A model that answers in the order of the questions."""
    usage = ModelUsage(input_tokens=8, output_tokens=2, total_tokens=10)
    outputs = [ModelOutput.from_content(f"mockllm/{name}", answer) for answer in answers]
    return get_model(
        f"mockllm/{name}",
        custom_outputs=[output.model_copy(update={"usage": usage}) for output in outputs],
        memoize=False,
    )


def questions(rows: list[dict[str, Any]]) -> MemoryDataset:
    """The questions as samples."""
    fields = ("intent", "locale", "twin")
    samples = [
        Sample(id=row["id"], input=row["question"], target=row["intent"], metadata={f: row[f] for f in fields}) for row in rows
    ]
    return MemoryDataset(samples, name="intent")


@solver
def fails_on(sample_id: str) -> Solver:
    """A provider that breaks off at one sample."""

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        if state.sample_id == sample_id:
            raise RuntimeError("the provider answered 529")
        return state

    return solve


@scorer(metrics=[mean()])
def odd_values() -> Scorer:
    """The next of the odd values, whatever was answered; none for the sample after the last one."""
    places = {row["id"]: value for row, value in zip(ROWS, ODD, strict=False)}

    async def score(state: TaskState, target: Target) -> Score | None:
        value = places.get(str(state.sample_id))
        return None if value is None else Score(value=value, explanation=f"drawn for {state.sample_id}")

    return score


@task
def intent() -> Task:
    """Right or wrong, three ways."""
    return Task(dataset=questions(ROWS), solver=generate(), scorer=[exact(), includes(), match()])


@task
def odd(fails: str = "refund-2") -> Task:
    """Every value, a grader that is asked with and without success, a sample that fails."""
    grades = ["GRADE: C", "GRADE: I", "GRADE: P", "no idea"] * 30
    return Task(
        dataset=questions(ROWS[:16]),
        solver=[generate(), fails_on(fails)],
        scorer=[odd_values(), model_graded_qa(model=scripted("grader", grades), partial_credit=True)],
        fail_on_error=False,
    )


if __name__ == "__main__":
    variant, name, log_format, epochs, logs = sys.argv[1:6]
    chosen = {"intent": intent, "odd": odd}[name]
    answers = [ANSWERS[variant][row["id"]] for row in ROWS]
    (log,) = eval(
        chosen(),
        model=scripted(variant, [answer for answer in answers for _ in range(int(epochs))]),
        epochs=int(epochs),
        log_dir=logs,
        log_format=log_format,
        display="none",
        max_samples=1,
        max_connections=1,
        limit=int(sys.argv[6]) if sys.argv[6:] else None,
    )
    sys.stdout.write(f"{log.status} {log.location}\n")
