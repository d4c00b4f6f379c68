"""The mutation matrix through the caches of lm-eval (`use_cache`) and inspect (`cache`), run by the interpreter that has them.

    .others/bin/python -P bench/cache/peers.py lm-eval|inspect MASTER SCRATCH

The subject is the one that `matrix.py` built. The last line of stdout is a JSON list of cells. Every run loads the model
anew; questions are counted where each tool's own model class generates.
"""

import json
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from cache.cells import Cell, Filled, cell_of, emptied, filled
from cache.mutations import MUTATIONS, Mutation, Setting, in_json, laid, mutated

TASK = """\
task: subject
dataset_path: json
dataset_kwargs: {{data_files: {{test: {cases}}}}}
test_split: test
output_type: generate_until
doc_to_text: "{{{{input}}}}"
doc_to_target: "{{{{expected.n}}}}"
generation_kwargs: {{until: ["<|im_end|>"], do_sample: false, max_gen_toks: {tokens}}}
metric_list: [{{metric: exact_match, aggregation: mean, higher_is_better: true}}]
metadata: {{version: 1}}
"""


class Asked(NamedTuple):
    """One run."""

    questions: int
    answers: dict[str, str]
    """Case -> text."""


Ask = Callable[[Path, Path, Setting], Asked]
"""Asks the subject at a place, with a cache, in a setting."""


def lm_eval() -> Ask:
    """Through `simple_evaluate(model="hf", use_cache=...)`, as `--use_cache` does."""
    from lm_eval import simple_evaluate
    from lm_eval.models.huggingface import HFLM
    from lm_eval.tasks import TaskManager

    asked = _counting(HFLM, "generate_until", lambda *args, **_named: len(args[1]))

    def ask(place: Path, cache: Path, setting: Setting) -> Asked:
        folder = place / "lm_eval"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        (folder / "subject.yaml").write_text(TASK.format(cases=place / "golden/f/cases.jsonl", tokens=setting.tokens))
        os.environ["HF_DATASETS_CACHE"] = str(folder / "datasets")
        asked.clear()
        told = simple_evaluate(
            model="hf",
            model_args={
                "pretrained": str(place / setting.model),
                "peft": str(place / setting.run / "adapter"),
                "dtype": setting.dtype,
            },
            tasks=["subject"],
            task_manager=TaskManager(include_path=str(folder), include_defaults=False),
            batch_size=setting.batch,
            device="cpu",
            use_cache=str(cache / "answers"),
            system_instruction=(place / "prompts/f.md").read_text(),
            apply_chat_template=True,
            log_samples=True,
            bootstrap_iters=0,
            verbosity="ERROR",
        )
        samples = told["samples"]["subject"]
        return Asked(sum(asked), {one["doc"]["id"]: one["resps"][0][0] for one in samples})

    return ask


def inspect() -> Ask:
    """Through `eval(...)` with `generate(cache=CachePolicy(expiry=None))` and its `hf` provider."""
    from inspect_ai import Task, eval
    from inspect_ai.dataset import Sample
    from inspect_ai.model import CachePolicy, GenerateConfig, get_model
    from inspect_ai.model._providers.hf import HuggingFaceAPI
    from inspect_ai.solver import generate, system_message

    asked = _counting(HuggingFaceAPI, "generate", lambda *_args, **_named: 1)

    def ask(place: Path, cache: Path, setting: Setting) -> Asked:
        os.environ["INSPECT_CACHE_DIR"] = str(cache)
        asked.clear()
        adapter = place / setting.run / "adapter"
        in_json(adapter / "adapter_config.json", base_model_name_or_path=str(place / setting.model))
        cases = [json.loads(line) for line in (place / "golden/f/cases.jsonl").read_text().splitlines()]
        task = Task(
            dataset=[Sample(id=one["id"], input=one["input"]) for one in cases],
            solver=[system_message((place / "prompts/f.md").read_text()), generate(cache=CachePolicy(expiry=None))],
        )
        model = get_model(
            "hf/subject",
            memoize=False,
            config=GenerateConfig(max_tokens=setting.tokens, max_connections=setting.batch),
            model_path=str(adapter),
            tokenizer_path=str(place / setting.model),
            device="cpu",
            do_sample=False,
            dtype=setting.dtype,
        )
        (log,) = eval(task, model=model, display="none", log_dir=str(place / "logs"), score=False)
        if log.status != "success" or log.samples is None:
            raise RuntimeError(f"inspect: {log.status}: {log.error}")
        return Asked(sum(asked), {str(one.id): one.output.completion for one in log.samples})

    return ask


def _counting(kind: Any, name: str, much: Callable[..., int]) -> list[int]:
    """A list that grows by how much each call of a method asks."""
    original, counts = getattr(kind, name), []

    def counted(*args: Any, **named: Any) -> Any:
        counts.append(much(*args, **named))
        return original(*args, **named)

    setattr(kind, name, counted)
    return counts


def cells(ask: Ask, master: Path, scratch: Path) -> list[Cell]:
    known: Filled = {}
    return [_cell(ask, known, master, scratch, mutation) for mutation in MUTATIONS]


def _cell(ask: Ask, known: Filled, master: Path, scratch: Path, mutation: Mutation) -> Cell:
    if mutation.ours_alone:
        return Cell("none", 0, "promises nothing of it")
    place = laid(mutation, master, scratch)

    def fill(new: Path) -> None:
        _in_the_world(lambda: ask(place, new, mutation.before), mutation.before)

    cache = filled(known, mutation, scratch, fill)
    moved = mutated(mutation, place, scratch)
    again = _in_the_world(lambda: ask(moved, cache, mutation.setting), mutation.setting)

    def is_same() -> bool:
        empty = emptied(scratch / "empty")
        return again.answers == _in_the_world(lambda: ask(moved, empty, mutation.setting), mutation.setting).answers

    cell = cell_of(mutation, again.questions, is_same=is_same)
    shutil.rmtree(moved)
    return cell


def _in_the_world(act: Callable[[], Asked], setting: Setting) -> Asked:
    """Done in a forked copy, with the versions and the clock of the setting, and nothing left in memory of the run before."""
    heard, spoken = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            _dress(setting)
            told = act()
            with os.fdopen(spoken, "w") as stream:
                json.dump(told, stream)
        except BaseException:
            import traceback

            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    os.close(spoken)
    with os.fdopen(heard) as stream:
        text = stream.read()
    if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]):
        sys.exit("a run failed: see above")
    return Asked(*json.loads(text))


def _dress(setting: Setting) -> None:
    import time
    from datetime import datetime

    import transformers
    from transformers.utils import chat_template_utils

    for name, version in setting.versions:
        assert name == "transformers"
        transformers.__version__ = version
    if setting.zone is not None:
        os.environ["TZ"] = setting.zone
        time.tzset()
    if setting.moment is not None:
        moment = datetime.fromisoformat(setting.moment)

        class Stopped(datetime):
            @classmethod
            def now(cls, tz: Any = None) -> Any:
                return moment.astimezone(tz)

        chat_template_utils.datetime = Stopped


def main() -> None:
    name, master, scratch = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    os.environ.update(HF_HUB_OFFLINE="1", TOKENIZERS_PARALLELISM="false", INSPECT_DISPLAY="none")
    out = os.dup(1)
    os.dup2(2, 1)  # what the tools print is no result of ours
    told = cells({"lm-eval": lm_eval, "inspect": inspect}[name](), master, scratch)
    os.write(out, (json.dumps(told) + "\n").encode())


if __name__ == "__main__":
    main()
