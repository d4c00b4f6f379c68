"""The one door to jinja2: templates become text, and everything foreign in it stays inert."""

from functools import cache
from typing import Any

from jinja2 import PackageLoader, StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment
from markupsafe import Markup

from evalgate.judgement.markdown import code_span, linked, one_line
from evalgate.judgement.wording import counted, points
from evalgate.redaction import mask, safe_line


def render(template: str, **context: Any) -> str:
    """The text of a template; the same context gives the same bytes."""
    return _environment(html=template.endswith(".html")).get_template(template).render(context)


@cache
def _environment(*, html: bool) -> ImmutableSandboxedEnvironment:
    """The one that renders; kept, because compiling a template takes longer than rendering it."""
    environment = ImmutableSandboxedEnvironment(
        loader=PackageLoader("evalgate.judgement"),
        autoescape=html,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        finalize=_inert if html else None,
    )
    environment.filters.update(
        code=code_span, line=one_line, linked=linked, counted=counted, points=points, percent=_percent, figure=_figure
    )
    return environment


def _inert(value: Any) -> Any:
    """Text that goes into the page, masked and without control characters; escaping comes after."""
    return value if isinstance(value, Markup) or not isinstance(value, str) else safe_line(mask(value), 2_000)


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.1%}"


def _figure(value: float | None) -> str:
    """A bare figure: four significant digits at most; a dash for none."""
    return "-" if value is None else f"{value:.4g}"
