from __future__ import annotations

import json
import signal

import pytest

from cloudlet.compute import report


@pytest.mark.parametrize(("ms", "billed"), [(0.0, 1), (0.2, 1), (1.0, 1), (1.01, 2), (99.5, 100)])
def test_billed_duration_is_rounded_up_to_a_millisecond(ms: float, billed: int) -> None:
    assert report.billed(ms) == billed


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (None, "without providing a reason"),
        (0, "without providing a reason"),
        (1 << 8, "with error: exit status 1"),
        (signal.SIGSEGV | 0x80, "with error: signal: segmentation fault"),
        (signal.SIGKILL, "with error: signal: killed"),
    ],
)
def test_how_a_process_ended(status: int | None, reason: str) -> None:
    answer, line, kind = report.exited("id", status, out_of_memory=False)
    assert kind == "Runtime.ExitError"
    assert json.loads(answer)["errorMessage"] == f"RequestId: id Error: Runtime exited {reason}"
    assert line == f"RequestId: id Error: Runtime exited {reason}\nRuntime.ExitError"


def test_time_out() -> None:
    answer, line = report.timed_out("id", 3)
    assert json.loads(answer) == {
        "errorType": "Sandbox.Timedout",
        "errorMessage": "RequestId: id Error: Task timed out after 3.00 seconds",
    }
    assert line.endswith("Z id Task timed out after 3.00 seconds")
