"""Stopping the processes of an idle environment, and letting them go on."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable

_PASSES = 3
_ENDING_PASSES = 20
_MOST_ENDED = 512


def freeze(pids: Callable[[], list[int]], most: int = 256) -> list[int]:
    """Send SIGSTOP to all that `pids` lists, until a look finds no new one; at most `most`.

    Returns their pidfds for `thaw`. A pid is used only while the list still has it after its
    pidfd was opened, so that a process that took over the number is never meant.
    """
    stopped: dict[int, int] = {}
    for _ in range(_PASSES):
        opened: dict[int, int] = {}
        for pid in _listed(pids):
            if pid not in stopped and len(stopped) + len(opened) < most:
                with contextlib.suppress(OSError):
                    opened[pid] = os.pidfd_open(pid)
        if not opened:
            break
        still = set(_listed(pids))
        for pid, fd in opened.items():
            if pid in still and _sent(fd, signal.SIGSTOP):
                stopped[pid] = fd
            else:
                os.close(fd)
    return list(stopped.values())


def end(pids: Callable[[], list[int]]) -> None:
    """Kill all that `pids` lists, for as long as it lists any, at most `_ENDING_PASSES` times;
    stopped first, so that they start no more.
    """
    for _ in range(_ENDING_PASSES):
        stopped = freeze(pids, _MOST_ENDED)
        if not stopped:
            return
        for fd in stopped:
            _sent(fd, signal.SIGKILL)
            os.close(fd)


def thaw(stopped: list[int]) -> None:
    """Send SIGCONT, and close the pidfds."""
    for fd in stopped:
        _sent(fd, signal.SIGCONT)
        os.close(fd)


def _listed(pids: Callable[[], list[int]]) -> list[int]:
    try:
        return pids()
    except OSError:
        return []


def _sent(fd: int, number: signal.Signals) -> bool:
    try:
        signal.pidfd_send_signal(fd, number)
    except OSError:
        return False
    return True
