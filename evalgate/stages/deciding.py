"""What else decides besides policy, prompt and suites: the judge, contenders' files, and the code of a team's own scorers."""

from evalgate import store
from evalgate.records.base import Sha256
from evalgate.scorers import scorer_digests
from evalgate.scorers.own_function import PREFIX
from evalgate.stages.contenders import contenders_sha256
from evalgate.stages.judged import judge_digest
from evalgate.stages.workspace import Workspace, all_scorers, read_answer_schema, read_suites


def deciding_sha256(workspace: Workspace) -> Sha256 | None:
    """Digest over all of it, nothing asked and nothing fetched; None where the policy names none.

    Raises:
        PolicyError: a file is not there, or not what it should be.
    """
    feature = workspace.feature
    names = all_scorers(workspace, [suite.name for suite in read_suites(workspace)])
    own = [name for name in names if name.startswith(PREFIX)]
    if feature.judge is None and not feature.contenders and not own:
        return None
    judge = judge_digest(workspace) if feature.judge is not None else None
    code = scorer_digests(own, read_answer_schema(workspace), workspace.root)
    return store.key_of(judge, contenders_sha256(workspace), code)
