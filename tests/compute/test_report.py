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


def test_the_initialisation_is_billed() -> None:
    line = report.report("id", duration_ms=10.4, memory_mb=128, used_mb=20, init_ms=100.2)
    assert line == (
        "REPORT RequestId: id\tDuration: 10.40 ms\tBilled Duration: 111 ms\tMemory Size: 128 MB\t"
        "Max Memory Used: 20 MB\tInit Duration: 100.20 ms\t"
    )


def test_a_restoration_is_reported_as_such() -> None:
    line = report.report(
        "id", duration_ms=10.4, memory_mb=128, used_mb=20, init_ms=3.25, restored=True
    )
    assert line.endswith("Restore Duration: 3.25 ms\tBilled Restore Duration: 4 ms\t")
    assert "Billed Duration: 14 ms" in line
    assert report.restore_report(3.25) == "RESTORE_REPORT Restore Duration: 3.25 ms"
    assert report.restore_start("python3.12", "3.12.1", "eu-west-1").startswith(
        "RESTORE_START Runtime Version: python:3.12.1\tRuntime Version ARN: arn:aws:lambda:"
    )
