"""What is known of a repository on GitHub before it is judged; `Unseen` stands where GitHub showed nothing."""

from typing import Literal, NamedTuple

from evalgate.records.policy import Release
from evalgate.records.pull_request import Person

CHECK = "EvalGate"
"""The check run that the controller sets and that a branch should require."""
CHECK_ID = "evalgate/"
"""What the external ids of our own check runs begin with."""
CHECK_WORKFLOW = "EvalGate check"
"""The workflow of zone 0; the trusted one waits for it by this name."""
ENVIRONMENT = "evalgate"
"""Where the secrets of zone 2 lie."""
REGISTRY_ENVIRONMENT = "evalgate-registry"
"""What the jobs of zone 3 run in; it may hold the token of a GitHub App."""
SIGNS = "EVALGATE_ATTEST"
"""The variable of the repository by which the job `register` signs verdicts, where it is true."""
ACTIONS = 15368
"""GitHub Actions, as an app: who posts what a workflow posts with its own token."""

Kind = Literal["branch protection", "rulesets"]
ADMINISTRATION = "Administration: read"
"""The permission that shows settings; no workflow's own token can have it."""


class Unseen(NamedTuple):
    """Something that was asked for and not shown."""

    needs: str | None
    """The permission that shows it, such as "Checks: read"; None where it is not for a permission that GitHub did not answer."""
    why: str
    """What GitHub said."""


class Required(NamedTuple):
    """A status check that a branch requires."""

    name: str
    app: int | None
    """The app that must post it; None where any app, token or workflow may."""
    strict: bool
    """True when a pull request must be up to date with the branch."""


class Guard(NamedTuple):
    """What one of GitHub's two kinds of protection asks for on a branch."""

    kind: Kind
    there: bool = False
    """True when there is any protection of this kind."""
    checks: tuple[Required, ...] = ()
    pull_request: bool = False
    """True when every change needs a pull request."""
    code_owners: bool = False
    """True when a code owner of every touched file must approve."""
    dismisses_stale: bool = False
    """True when a push takes approvals back."""
    spares_admins: bool = False
    """True when administrators are not bound by it."""
    queue: bool = False
    """True when pull requests are merged by a queue."""
    blocks: tuple[str, ...] = ()
    """Names of the rules by which a push by the API is refused."""
    unseen: Unseen | None = None
    """Not None where not all was shown: what is seen is there, and what is not seen may be."""


class Branch(NamedTuple):
    """A branch, and both kinds of protection that it has, or that a branch of this name would have."""

    name: str
    commit: str | Unseen | None
    """Where it stands; None where there is no such branch."""
    guards: tuple[Guard, ...]


class App(NamedTuple):
    """An app that posted a check run of ours."""

    id: int
    slug: str


class Environment(NamedTuple):
    """Who may use an environment's secrets."""

    reviewers: bool
    """True when a person must let every job in."""
    branches: Literal["all", "protected", "selected"]
    patterns: tuple[str, ...] | Unseen = ()
    """Patterns of the branches that may, for "selected"; a tag's begins with `tag:`."""


class WorkflowToken(NamedTuple):
    """What a workflow's own token may do where the workflow does not say."""

    writes: bool
    approves: bool
    """True when workflows may open and approve pull requests."""


class Ground(NamedTuple):
    """The settings of a repository."""

    repository: str
    """owner/name."""
    private: bool
    target: Branch
    """The branch that pull requests merge into."""
    default: Branch
    """The branch that trusted workflows run from."""
    environment: Environment | Unseen | None
    token: WorkflowToken | Unseen
    posted: tuple[App, ...] | Unseen
    """Apps that posted our check runs lately; () where none is seen."""
    owner_errors: tuple[str, ...] | Unseen
    """What GitHub says is wrong in the target branch's CODEOWNERS."""
    registry_environment: Environment | Unseen | None
    evidence: tuple[Branch, ...] = ()
    """Branches that the policy keeps journals on."""
    managers: tuple[Person | Unseen, ...] = ()
    """Those whom the default branch's policy names as release managers, in its order, each one once."""
    signs: str | Unseen | None = None
    """Value of the variable EVALGATE_ATTEST; None where it is not set, or where nothing asks for signed statements."""


class Registering(NamedTuple):
    """A step that opens pull requests on the registry, and what it is given; None: not given."""

    token: str | None
    """Its input github-token, as the file writes it."""
    author: str | None
    """The login that the token's comments appear under."""
    attest: str | None
    """What decides whether it signs the verdict; "true", "false" or an expression."""


class Workflow(NamedTuple):
    """A workflow file."""

    path: str
    name: str
    events: frozenset[str]
    follows: tuple[str, ...]
    """Names of the workflows whose end starts it."""
    registers: tuple[Registering, ...] = ()


class Files(NamedTuple):
    """What lies on the target branch, and the workflows of the default branch."""

    paths: frozenset[str]
    policy: str
    """Path of the policy."""
    registry: str
    """Path of the registry."""
    policy_problems: tuple[str, ...] | None
    """None where there is no policy; () where it parses."""
    registry_problems: tuple[str, ...] | None
    codeowners: str | None
    """The text of CODEOWNERS, from the place where GitHub looks first."""
    guarded: tuple[str, ...]
    """Files and folders that decide, which somebody must own."""
    evidence: tuple[str, ...]
    """Where journals and evidence lie, as `scheme:place`."""
    workflows: tuple[Workflow, ...]
    """Those of the default branch."""
    target_workflows: tuple[Workflow, ...]
    release: Release | None
    """Who releases, by the default branch's policy; None where that cannot be read."""


Held = Files | Unseen
"""What lies on the branches, or why nothing of it was shown."""
