"""What a pull request on the registry says of itself: the evidence behind the entry, and how anybody derives it again."""

from evalgate.judgement.markdown import code_span, one_line
from evalgate.records.evidence import Evidence
from evalgate.records.registry import RegistryEntry
from evalgate.records.verdict import ScopeDecision, Verdict

MARKER = "<!-- evalgate:registry -->"


def registry_body(feature: str, name: str, entry: RegistryEntry, manifest: Evidence, verdict: Verdict) -> str:
    """The body of the pull request that adds a variant; Markdown."""
    bound = manifest.binding
    source = f"#{bound.pull} at {code_span(bound.head[:12])}" if bound else "a run outside of a pull request"
    flag = code_span(entry.flag.name) if entry.flag else "none"
    lines = [
        MARKER,
        f"Adds {code_span(name)} to {code_span(feature)}, from {source}. Its flag {flag} is off: merging this serves nobody.",
        "",
        f"**{verdict.verdict}**: {one_line(verdict.summary)}",
        "",
        "| scope | base | candidate | lift | at worst | state |",
        "|---|---:|---:|---:|---:|---|",
        *(_row(scope) for scope in verdict.scopes),
        "",
        "| evidence | sha256 |",
        "|---|---|",
        *(f"| {label} | {code_span(digest)} |" for label, digest in _digests(entry, manifest).items()),
        "",
        f"It lies at {code_span(entry.evidence.uri if entry.evidence else '')}. The check derives the verdict again from the raw",
        "results with the target branch's policy and code; nothing that stands here is believed. By hand:",
        "",
        "```",
        "evalgate registry verify --pull <the number of this pull request>",
        "```",
        "",
        f"After the merge: `evalgate registry rollout {feature} --variant {name} --share 0.05`, and back with",
        f"`evalgate registry rollback {feature}`.",
        "",
    ]
    return "\n".join(lines)


def _row(scope: ScopeDecision) -> str:
    shares = [("-" if share is None else f"{share:.1%}") for share in (scope.base, scope.candidate)]
    lift = "-" if scope.lift is None else f"{scope.lift * 100:+.1f}"
    return f"| {code_span(scope.scope)} | {shares[0]} | {shares[1]} | {lift} | {scope.low * 100:+.1f} | {scope.state} |"


def _digests(entry: RegistryEntry, manifest: Evidence) -> dict[str, str]:
    """What a reader may want to compare, in the order of the story."""
    named = {
        "dataset": entry.dataset.sha256 if entry.dataset else None,
        "base model": entry.base_model.sha256,
        "adapter": entry.adapter.sha256 if entry.adapter else None,
        "golden set": entry.golden_sha256,
        "safety suites": entry.safety_sha256,
        "policy": entry.policy_sha256,
        "prompt": entry.prompt_sha256,
        "base's results": manifest.files.get("base.results.jsonl"),
        "candidate's results": manifest.files.get("candidate.results.jsonl"),
        "report": entry.report.sha256 if entry.report else None,
        "manifest": entry.evidence.sha256 if entry.evidence else None,
    }
    return {label: digest for label, digest in named.items() if digest}
