"""Files of /proc and of control groups: each read or written with one call, without pathlib and
io, which take five times as long; the event loop does it at every start and look.
"""

from __future__ import annotations

import os

_MOST = 65536


def read(path: str | os.PathLike[str]) -> bytes:
    """What the file has, at most 64 KiB; OSError where it cannot be read."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(fd, _MOST)
    finally:
        os.close(fd)


def write(path: str | os.PathLike[str], value: object) -> None:
    """Set the file to the value's text; OSError where the kernel refuses it."""
    fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(fd, str(value).encode())
    finally:
        os.close(fd)
