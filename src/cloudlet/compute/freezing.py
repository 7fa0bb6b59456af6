"""Stopping the processes of an idle environment, and letting them go on."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable

_PASSES = 3
_MOST = 256


def freeze(pids: Callable[[], list[int]]) -> list[int]:
    """Send SIGSTOP to all that `pids` lists, until a look finds no new one; at most 256 processes.

    Returns their pidfds for `thaw`. A pid is used only while the list still has it after its
    pidfd was opened, so that a process that took over the number is never meant.
    """
    stopped: dict[int, int] = {}
    for _ in range(_PASSES):
        opened: dict[int, int] = {}
        for pid in _listed(pids):
            if pid not in stopped and len(stopped) + len(opened) < _MOST:
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
