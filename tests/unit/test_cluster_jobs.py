"""What a Ray job's end means for whoever waits: never 0 or 1 but from the gate itself."""

import pytest

from evalgate.cluster.jobs import Job


@pytest.mark.parametrize(
    ("status", "exit_code", "means"),
    [
        ("SUCCEEDED", 0, 0),
        ("FAILED", 1, 1),
        ("FAILED", 2, 2),
        ("FAILED", 3, 3),
        ("FAILED", 70, 70),
        ("FAILED", None, 3),
        ("FAILED", -9, 3),
        ("FAILED", 137, 3),
        ("STOPPED", None, 3),
        ("STOPPED", 1, 3),
        ("STOPPED", 0, 3),
    ],
)
def test_ended_with__is_the_commands_own_code_or_no_verdict(status, exit_code, means):
    assert Job("j", status, "", exit_code).ended_with == means
