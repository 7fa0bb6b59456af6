from __future__ import annotations

import os
import threading
from pathlib import Path

from cloudlet.compute import kernel_files


def test_a_list_of_many_pages_is_read_whole() -> None:
    stop = threading.Event()
    threads = [threading.Thread(target=stop.wait) for _ in range(40)]
    for thread in threads:
        thread.start()
    try:
        maps = Path(f"/proc/{os.getpid()}/maps")
        assert len(kernel_files.read(maps)) > 2 * 4096
        assert kernel_files.read(maps).splitlines()[-1] == maps.read_bytes().splitlines()[-1]
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def test_a_value_is_written_as_text(tmp_path: Path) -> None:
    file = tmp_path / "limit"
    file.write_bytes(b"")
    kernel_files.write(file, 12)
    assert kernel_files.read(file) == b"12"
