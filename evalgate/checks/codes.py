"""The codes of the dataset checks, each with its title, severity and check."""

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from evalgate.checks import content, form, reading, repeats, shape
from evalgate.checks.rows import Fault, File
from evalgate.records.check import Severity


class Code(NamedTuple):
    """One code."""

    title: str
    """What it is about, in a few words."""
    severity: Severity
    """How much its findings weigh."""
    check: Callable[[File], Iterator[Fault]]
    """The faults of this code in one file, in line order."""


CODES: Mapping[str, Code] = {
    "EG101": Code("not UTF-8", "error", reading.encoding),
    "EG102": Code("not JSON", "error", reading.not_json),
    "EG103": Code("duplicate key", "error", reading.duplicate_key),
    "EG104": Code("nested too deep", "error", reading.too_deep),
    "EG105": Code("number out of range", "error", reading.number),
    "EG106": Code("control character or lone surrogate", "error", reading.control),
    "EG107": Code("line too long", "error", reading.too_long),
    "EG201": Code("not a row", "error", shape.shape),
    "EG202": Code("role order", "error", shape.role_order),
    "EG203": Code("last turn is not the assistant's", "error", shape.last_turn),
    "EG204": Code("empty content", "error", shape.empty_content),
    "EG301": Code("duplicate row", "warning", repeats.duplicate),
    "EG302": Code("different answers to the same input", "error", repeats.contradiction),
    "EG401": Code("held-out case in the training data", "error", repeats.leaked_case),
    "EG501": Code("secret", "error", content.secret),
    "EG502": Code("personal data", "warning", content.personal_data),
    "EG503": Code("hidden characters", "error", content.hidden_characters),
    "EG601": Code("other system prompt", "warning", form.other_prompt),
    "EG602": Code("other form of answer", "warning", form.other_form),
    "EG603": Code("source missing", "warning", form.no_source),
}
