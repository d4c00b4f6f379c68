"""An `evalgate` command in a forked copy of this process, with what its models were asked counted from below.

The count is taken where a model answers, not from what the command says: questions given to a scripted model or to a panel
of networks, and, as a second witness, forward passes (a network's input embedding being called once a pass).
"""

import importlib.metadata
import json
import os
import sys
import tempfile
import time
from collections.abc import Mapping
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Any, NamedTuple


class Ran(NamedTuple):
    """How a command went."""

    code: int
    questions: int
    """That models were given."""
    passes: int
    """Forward passes of networks."""
    said: str
    """On stdout and stderr, together."""


class World(NamedTuple):
    """What surrounds the command and is not in its files."""

    versions: Mapping[str, str] = {}
    """Library -> the version that it is made to say."""
    moment: str | None = None
    """What the clock says, as 2026-11-20T12:00:00+00:00; None: the truth."""
    zone: str | None = None
    """The machine's time zone, as in TZ."""


def counted(folder: Path, cache: Path, *arguments: object, world: World | None = None) -> Ran:
    """The command, given in that folder with that cache."""
    with tempfile.TemporaryDirectory() as scratch:
        told = Path(scratch) / "told.json"
        said = Path(scratch) / "said.txt"
        child = os.fork()
        if child == 0:
            _run(folder, cache, [str(argument) for argument in arguments], world or World(), told, said)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        counts = json.loads(told.read_text()) if told.exists() else {"questions": -1, "passes": -1}
        return Ran(status, counts["questions"], counts["passes"], said.read_text())


def _run(folder: Path, cache: Path, arguments: list[str], world: World, told: Path, said: Path) -> None:
    code = 70
    try:
        stream = os.open(said, os.O_WRONLY | os.O_CREAT)
        os.dup2(stream, 1)
        os.dup2(stream, 2)
        os.chdir(folder)
        os.environ["EVALGATE_CACHE"] = str(cache)
        counts = {"questions": 0, "passes": 0}
        _dress(world)
        _count(counts)
        from evalgate.cli.main import _run as command

        code = command(arguments)
        told.write_text(json.dumps(counts))
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _count(counts: dict[str, int]) -> None:
    import torch

    from evalgate.models.scripted import ScriptedModel
    from evalgate.models.transformers_model import TransformersPanel

    def counting(kind: Any) -> None:
        answer = kind.answer

        def counted_answer(self: Any, asked: Any, decoding: Any) -> Any:
            counts["questions"] += len(asked)
            return answer(self, asked, decoding)

        kind.answer = counted_answer

    def passing(module: Any, _inputs: Any) -> None:
        counts["passes"] += isinstance(module, torch.nn.Embedding)

    counting(ScriptedModel)
    counting(TransformersPanel)
    torch.nn.modules.module.register_module_forward_pre_hook(passing)


def _dress(world: World) -> None:
    """Put the versions, the zone and the clock in place that the world is to have, wherever `datetime` was taken from."""
    says = importlib.metadata.version
    importlib.metadata.version = lambda name: world.versions.get(name) or says(name)
    for module in list(sys.modules.values()):
        if getattr(module, "version", None) is says:
            module.version = importlib.metadata.version
    if world.zone is not None:
        os.environ["TZ"] = world.zone
        time.tzset()
    if world.moment is not None:
        set_clock(datetime.fromisoformat(world.moment))


def set_clock(moment: datetime) -> None:
    """`datetime.now` says `moment`, in evalgate and in chat templates."""

    class Stopped(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:
            return moment.astimezone(tz) if tz is not None else moment.astimezone().replace(tzinfo=None)

    for name, module in list(sys.modules.items()):
        if name.startswith(("evalgate.", "transformers.utils.chat")) and getattr(module, "datetime", None) is datetime:
            module.datetime = Stopped
