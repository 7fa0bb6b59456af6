"""Files of /proc and of control groups: most read or written with one call, without pathlib and
io, which take five times as long; the event loop does it at every start and look.
"""

from __future__ import annotations

import os

_MOST = 65536
# The kernel gives a list in pages, each cut after a line: less than this is all.
_NEARLY_A_PAGE = 3072


def read(path: str | os.PathLike[str]) -> bytes:
    """What the file has; OSError where it cannot be read."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        data = part = os.read(fd, _MOST)
        while len(part) > _NEARLY_A_PAGE:
            part = os.read(fd, _MOST)
            data += part
        return data
    finally:
        os.close(fd)


def write(path: str | os.PathLike[str], value: object) -> None:
    """Set the file to the value's text; OSError where the kernel refuses it."""
    fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(fd, str(value).encode())
    finally:
        os.close(fd)
