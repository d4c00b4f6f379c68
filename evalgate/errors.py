"""The error tree and the exit codes.

0 pass; 1 the gate says no; 2 what you gave is wrong; 3 no verdict; 70 our own fault; 130 interrupted.
A failing gate is a verdict, not an exception, so no error here maps to 0 or 1.
"""

from typing import ClassVar

PASSED = 0
REFUSED = 1
WRONG_INPUT = 2
NO_VERDICT = 3
OUR_FAULT = 70
INTERRUPTED = 130


class EvalGateError(Exception):
    """One or more problems found together; each message says what, where and what to do."""

    exit_code: ClassVar[int] = OUR_FAULT

    def __init__(self, *problems: str) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class WrongInputError(EvalGateError):
    """What was given is wrong, and whoever gave it can mend it."""

    exit_code = WRONG_INPUT


class DatasetError(WrongInputError):
    """A dataset, golden, safety or results file is wrong."""


class PolicyError(WrongInputError):
    """The policy, or something that it names, is wrong."""


class NothingThereError(PolicyError):
    """A place that the policy names is not there, or holds no file of the kind: perhaps not yet."""


class RegistryError(WrongInputError):
    """`models.yaml`, or what was asked of it, is wrong."""


class NotMeasured(EvalGateError):
    """Something could not be measured: never a pass, never a regression."""

    exit_code = NO_VERDICT


class UnreadableJournalError(NotMeasured):
    """A line of the journal is none: it may be the one that decides, so nothing is decided."""
