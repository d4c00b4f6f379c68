"""Registries drawn in one line: `draw("base; *v1 <base off 1; v2 <v1 on .25")` and the same as a file full of comments.

Each variant is a name, then in any order: `<NAME` for what it was judged against, `on SHARE` or `off SHARE` for its flag,
`until DATE` for its sunset. A star marks the default.
"""

from evalgate.records.registry import BaseModelRef, Flag, Registry, RegistryEntry

SHA = "ab" * 32


def entry(flag: str | None = None, *, on: bool = False, share: float = 0.0, **fields) -> RegistryEntry:
    known = {"model": "m", "base_model": BaseModelRef(uri="m", sha256=SHA), "prompt_sha256": SHA, **fields}
    return RegistryEntry(**known, flag=None if flag is None else Flag(name=flag, on=on, share=share))


def draw(drawn: str, feature: str = "f") -> Registry:
    """A registry of one feature."""
    default, variants = "", {}
    for part in drawn.split(";"):
        name, *words = part.split()
        default = name.removeprefix("*") if name.startswith("*") else default
        variants[name.removeprefix("*")] = _entry(feature, name.removeprefix("*"), words)
    return Registry.model_validate({"version": 1, "features": {feature: {"default": default, "variants": variants}}})


def _entry(feature: str, name: str, words: list[str]) -> RegistryEntry:
    fields: dict = {}
    flag = None
    rest = iter(words)
    for word in rest:
        if word.startswith("<"):
            fields["judged_against"] = word[1:]
        elif word == "until":
            fields["sunset"] = next(rest)
        else:
            flag = Flag(name=f"{feature}-{name}", on={"on": True, "off": False}[word], share=float(next(rest)))
    return entry(**fields).model_copy(update={"flag": flag})


def written(registry: Registry) -> str:
    """A file that says the same, with a comment wherever one may stand, and in nobody's style."""
    lines = ["# ours; ask ml-support", "version:   1   # the shape", "", "features:"]
    for feature, known in registry.features.items():
        lines += [f'  "{feature}":      # asked by the shop', f"    default: {known.default}   # who is served"]
        lines += ["    variants:"]
        for name, one in known.variants.items():
            lines += [
                f"      # about {name}",
                f"      {name}:",
                "          model:  'm'",
                "          base_model: {uri: m, # where",
            ]
            lines += [
                f"             sha256: {SHA} }}",
                f"          prompt_sha256: {SHA}",
                "          approved_by: [ octocat,hubot ]",
            ]
            lines += [f"          judged_against: {one.judged_against}  # then"] if one.judged_against else []
            lines += [f"          sunset: '{one.sunset}'"] if one.sunset else []
            if one.flag:
                on, share = str(one.flag.on).lower(), one.flag.share
                lines += [
                    "          flag:   # routes",
                    f"            name: {one.flag.name}",
                    f"            on:   {on}       # now",
                ]
                lines += [f"            share: {share}   # of keys", ""]
    return "\n".join([*lines, "# the end"]) + "\n"
