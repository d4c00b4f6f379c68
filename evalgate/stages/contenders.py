"""contenders: what is cheaper than a fine-tune, asked the same cases with the same decoding and scored in the same way."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import orjson
from pydantic import SecretStr

from evalgate import store
from evalgate.errors import NothingThereError, NotMeasured, PolicyError
from evalgate.ports import Answer, Model, Progress
from evalgate.prompts import Prompt, prompt_sha256
from evalgate.records.base import digest_over
from evalgate.records.beside_policy import ContenderPolicy
from evalgate.records.evaluation import Decoding, EvalResults, Variant
from evalgate.records.suite import Message
from evalgate.redaction import mask
from evalgate.stages.evaluate import evaluate
from evalgate.stages.variants import Contending, Loadable, environment_of, load_variant
from evalgate.stages.workspace import Workspace, as_text, base_weights, read_answer_schema, read_prompt

SUFFIXES = (".md", ".markdown", ".txt")
"""What counts as a document; other files in the folder are left alone."""
LARGEST = 1 << 20
"""Bytes of one document."""
LARGEST_FOLDER = 8 << 20
"""Bytes of all documents: an index of more belongs into a search engine."""
MOST_DOCUMENTS = 5_000
Secret = Callable[[str], SecretStr | None]
"""The value of an environment variable, None where it is not set; `settings` alone reads them."""


def no_secret(_name: str) -> None:
    """No key is known."""


def find_contender(
    workspace: Workspace, contender: ContenderPolicy, *, cache: Path, secret: Secret = no_secret
) -> Loadable | Contending:
    """What a contender of the policy is, ready to be asked but not loaded.

    One that cannot be asked for a reason beyond its files (weights or a host out of reach, a library that is missing) is
    found all the same: it answers nothing and says why.

    Raises:
        PolicyError: its prompt, its documents or the answer schema are not there, or not what they should be.
    """
    prompt = _prompt_of(workspace, contender)
    try:
        if contender.kind in ("structured", "endpoint"):
            return _hosted(workspace, contender, prompt, secret)
        return _on_base(workspace, contender, prompt, cache)
    except NotMeasured as error:
        return _silent(workspace, contender, prompt, str(error))


def ask_contenders(
    workspace: Workspace,
    *,
    cache: Path,
    progress: Progress,
    tell: Callable[[str], object] = str,
    secret: Secret = no_secret,
    look: int | None = None,
) -> dict[str, EvalResults]:
    """Name -> results of every contender in the policy, in its order; a case without an answer is errored and says why.

    With `look` they are asked the cases up to it, as base and candidate were.

    Raises:
        PolicyError, DatasetError: what the policy names is wrong; found before any of them is asked.
    """
    found = {one.name: find_contender(workspace, one, cache=cache, secret=secret) for one in workspace.feature.contenders}
    asked = {}
    for one in workspace.feature.contenders:
        tell(f"ask {one.name} ({one.kind}): golden and safety suites, same decoding")
        asked[one.name] = _ask(workspace, one, found[one.name], cache, progress, tell, look=look)
    return asked


def contenders_sha256(workspace: Workspace) -> str:
    """Digest of the files that shape the contenders: prompts and documents; nothing is asked, no weights are fetched.

    Raises:
        PolicyError: a file is not there, or not what it should be.
    """
    found = {}
    for one in workspace.feature.contenders:
        documents = read_documents(workspace.root / one.documents, one.documents) if one.documents else {}
        found[one.name] = store.key_of(prompt_sha256(_prompt_of(workspace, one)), _documents_sha256(documents))
    return digest_over(found)


def read_documents(folder: Path, shown: str) -> dict[str, bytes]:
    """Path in the folder -> bytes of every text and Markdown file below it; nothing hidden, no link is followed.

    Raises:
        PolicyError: there is none, or a link, a name or a file that is not UTF-8, or more than an index takes.
    """
    if not folder.is_dir():
        raise NothingThereError(f"{shown}: the policy names this folder for documents, but it is not there: create it")
    store.refuse_link(folder)
    found: dict[str, bytes] = {}
    size = 0
    for path in _files(folder):
        name = path.relative_to(folder).as_posix()
        found[name] = _document(path, f"{shown}/{name}")
        size += len(found[name])
        if len(found) > MOST_DOCUMENTS or size > LARGEST_FOLDER:
            most = f"{MOST_DOCUMENTS:,} documents or {LARGEST_FOLDER >> 20} MiB"
            raise PolicyError(f"{shown}: holds more than {most}: name a folder with what the answers need")
    if not found:
        raise NothingThereError(f"{shown}: holds no document: put {', '.join(SUFFIXES)} files there")
    return found


def _files(folder: Path) -> Iterator[Path]:
    for at, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            if name.endswith(SUFFIXES) and not name.startswith("."):
                yield Path(at) / name
        for name in folders:
            store.refuse_link(Path(at) / name)


def _document(path: Path, shown: str) -> bytes:
    store.refuse_link(path)
    if not shown.isprintable():
        raise PolicyError(f"{shown!r}: rename the file: a document's name is UTF-8 on one line")
    if path.is_file() and path.stat().st_size > LARGEST:
        raise PolicyError(f"{shown}: is larger than {LARGEST >> 20} MiB: split it, or take it out of the documents")
    content = store.read(path)
    as_text(content, shown)
    return content


def _prompt_of(workspace: Workspace, contender: ContenderPolicy) -> Prompt:
    return read_prompt(workspace, contender.prompt)


def _on_base(workspace: Workspace, contender: ContenderPolicy, prompt: Prompt, cache: Path) -> Loadable | Contending:
    """The untuned base model with another prompt, or with passages before the question."""
    documents = {}
    if contender.kind == "retrieval":
        documents = read_documents(workspace.root / str(contender.documents), str(contender.documents))
    weights = base_weights(workspace, cache)
    variant = Variant(name=contender.name, model=weights.uri, model_sha256=weights.sha256, prompt_sha256=prompt_sha256(prompt))
    base = Loadable(variant, weights, None, prompt)
    return base if contender.kind == "prompt" else _retrieving(workspace, contender, base, documents, cache)


def _retrieving(
    workspace: Workspace, contender: ContenderPolicy, base: Loadable, documents: Mapping[str, bytes], cache: Path
) -> Contending:
    from evalgate.models.retrieval import Index, RetrievalModel, engine, passages_of

    def load() -> Model:
        index = Index(passages_of({name: content.decode() for name, content in documents.items()}))
        model = load_variant(base, workspace.feature.evaluate, cache=cache)
        return RetrievalModel(model, index, top=contender.top)

    digest = _documents_sha256(documents)
    shaped = {"contender": contender.kind, "retrieval": engine(), "documents": digest, "passages": str(contender.top)}
    return Contending(base.variant, {**environment_of(base, workspace.feature.evaluate), **shaped}, load)


def _documents_sha256(documents: Mapping[str, bytes]) -> str:
    return digest_over({name: store.key_of_bytes(content) for name, content in documents.items()})


def _hosted(workspace: Workspace, contender: ContenderPolicy, prompt: Prompt, secret: Secret) -> Contending:
    """A model at a host, which may route or call tools; where it is `structured`, held to the answer schema."""
    schema = read_answer_schema(workspace) if contender.kind == "structured" else None
    if contender.kind == "structured" and schema is None:
        raise PolicyError(
            f"{workspace.path}: the contender {contender.name!r} is structured: say in features.{workspace.name}.scorers.schema "
            "what an answer looks like"
        )
    key = secret(contender.key) if contender.key else None
    if contender.key and key is None:
        raise NotMeasured(f"{contender.key} is not set: {contender.base_url} asks for the key that it should hold")
    from evalgate.models.hosted import Host, HostedChat
    from evalgate.models.hosted_model import HostedModel

    variant = _variant(contender, prompt)
    chat = HostedChat(Host(str(contender.base_url), str(contender.model), key, contender.key))
    digest = {} if schema is None else {"schema": store.key_of_bytes(orjson.dumps(schema, option=orjson.OPT_SORT_KEYS))}
    shaped = {"engine": "hosted", "contender": contender.kind, "host": mask(str(contender.base_url)), **digest}
    return Contending(variant, shaped, lambda: HostedModel(variant, chat, prompt=prompt, schema=schema))


def _variant(contender: ContenderPolicy, prompt: Prompt) -> Variant:
    """A variant whose weights nobody sees: its digest is over where it is asked and under which name."""
    return Variant(
        name=contender.name,
        model=f"openai:{contender.model}",
        model_sha256=store.key_of(contender.base_url, contender.model),
        prompt_sha256=prompt_sha256(prompt),
    )


def _silent(workspace: Workspace, contender: ContenderPolicy, prompt: Prompt, why: str) -> Contending:
    variant = _variant(contender, prompt)
    if contender.model is None:
        named = str(workspace.feature.base_model)
        variant = variant.model_copy(update={"model": named, "model_sha256": store.key_of(named)})
    return Contending(variant, {"engine": "none", "contender": contender.kind}, lambda: Silent(variant, why))


class Silent:
    """A contender that cannot be asked; see `evalgate.ports.Model`."""

    def __init__(self, variant: Variant, why: str) -> None:
        self.variant = variant
        self._why = why

    def answer(self, conversations: Sequence[Sequence[Message]], decoding: Decoding, /) -> Iterator[Answer]:
        """Yield no text for any conversation, and why."""
        del decoding
        yield from (Answer(place, None, self._why) for place in range(len(conversations)))


def _ask(
    workspace: Workspace,
    contender: ContenderPolicy,
    found: Loadable | Contending,
    cache: Path,
    progress: Progress,
    tell: Callable[[str], object],
    *,
    look: int | None,
) -> EvalResults:
    beside = workspace.root / "models.yaml"  # never read: the variant is found already
    try:
        return evaluate(workspace, found, registry_path=beside, cache=cache, progress=progress, tell=tell, look=look)
    except NotMeasured as error:
        silent = _silent(workspace, contender, _prompt_of(workspace, contender), str(error))
        return evaluate(workspace, silent, registry_path=beside, cache=cache, progress=progress, tell=tell, look=look)
