"""docs/sqlpp.md says what the code has."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]


def test_the_page_is_fresh() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "scripts" / "sqlpp.py", "--check"], capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
