"""What a command says when it cannot go on."""

from __future__ import annotations

import sys


class Problem(Exception):
    """Ends a command: what went wrong and where, and what to do next."""

    def __init__(self, what: str, next_step: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.next_step = next_step

    def show(self) -> None:
        """Print it on standard error, coloured on a terminal only."""
        red, bold, plain = ("\033[31m", "\033[1m", "\033[0m") if sys.stderr.isatty() else ("",) * 3
        sys.stderr.write(f"{red}{bold}cloudlet:{plain} {self.what}" + "\n")
        if self.next_step:
            sys.stderr.write(f"  {self.next_step}" + "\n")
