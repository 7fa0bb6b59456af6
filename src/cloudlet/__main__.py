"""`python -m cloudlet`."""

from __future__ import annotations

from cloudlet.cli import main

main()
