from __future__ import annotations

import base64
import hashlib
import io
import stat
import zipfile
import zlib
from pathlib import Path

import pytest
from tests.services.lambda_.world import package

from cloudlet.services.lambda_ import code as code_module
from cloudlet.services.lambda_.code import CodeStore
from cloudlet.services.lambda_.errors import InvalidParameterValue


def archive(*entries: tuple[str, bytes, int]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content, mode in entries:
            entry = zipfile.ZipInfo(name)
            entry.external_attr = mode << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            file.writestr(entry, content)
    return stream.getvalue()


FILE, LINK = stat.S_IFREG | 0o600, stat.S_IFLNK | 0o777


async def _unpacked(store: CodeStore, content: bytes) -> Path:
    async with store.receive(content) as code:
        return await store.unpack(code, "nodejs20.x")


async def test_an_archive_keeps_its_digest_modes_and_links(tmp_path: Path):
    content = archive(
        ("a/run", b"#!", stat.S_IFREG | 0o755), ("a/data", b"x", FILE), ("link", b"a/data", LINK)
    )
    store = CodeStore(tmp_path)
    async with store.receive(content) as code:
        tree = await store.unpack(code, "nodejs20.x")
        assert code.sha256 == base64.b64encode(hashlib.sha256(content).digest()).decode()
        assert (code.size, code.unzipped) == (len(content), 9)
    assert (tree / "a/run").stat().st_mode & 0o777 == 0o555
    assert (tree / "a/data").stat().st_mode & 0o777 == 0o444
    assert (tree / "link").read_bytes() == b"x"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"PK\x03\x04 not a zip",
        archive(("../x", b"", FILE)),
        archive(("/etc/x", b"", FILE)),
        archive(("a/../../x", b"", FILE)),
        archive(("a\\..\\x", b"", FILE)),
        archive(("link", b"/etc", LINK)),
        archive(("link", b"../..", LINK)),
        archive(("link", b"..", LINK), ("link/inside", b"x", LINK)),
        archive(
            ("top/x", b"", FILE), ("a/b/up", b"../../top", LINK), ("a/b/out", b"up/../..", LINK)
        ),
        archive(("link", b"missing", LINK), ("link/file", b"x", FILE)),
        archive(("good", b"x" * 1000, FILE))[:-80],
        package({"a": "x"})[:40] + b"\xff" * 60,
    ],
)
async def test_hostile_archives_are_refused_and_leave_nothing(tmp_path: Path, content: bytes):
    store = CodeStore(tmp_path / "data")
    with pytest.raises(InvalidParameterValue):
        await _unpacked(store, content)
    assert list(store.trees.iterdir()) == []
    assert {path.name for path in tmp_path.iterdir()} == {"data"}


async def test_a_bomb_is_refused_by_what_it_declares(tmp_path: Path):
    bomb = archive(("zeros", bytes(262_144_000), FILE))
    assert len(bomb) < 1_000_000
    with pytest.raises(InvalidParameterValue, match="Unzipped size must be smaller than 262144000"):
        await _unpacked(CodeStore(tmp_path), bomb)


async def test_a_bomb_that_lies_is_stopped(tmp_path: Path):
    honest = archive(("zeros", bytes(5_000_000), FILE))
    lying = honest.replace((5_000_000).to_bytes(4, "little"), (10).to_bytes(4, "little"))
    lying = lying.replace(zlib.crc32(bytes(5_000_000)).to_bytes(4, "little"), b"\0\0\0\0")
    with pytest.raises(InvalidParameterValue):
        await _unpacked(CodeStore(tmp_path), lying)


async def test_too_many_entries_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(code_module, "ENTRIES_LIMIT", 2)
    with pytest.raises(InvalidParameterValue):
        await _unpacked(CodeStore(tmp_path), package({"a": "", "b": "", "c": ""}))


async def test_code_that_does_not_compile_is_still_deployed(tmp_path: Path):
    store = CodeStore(tmp_path)
    async with store.receive(package({"good.py": "x = 1", "bad.py": "def ("})) as code:
        tree = await store.unpack(code, "python3.11")
    assert (tree / "bad.py").exists()
    (compiled,) = (tree / "__pycache__").iterdir()
    content = compiled.read_bytes()
    assert compiled.name.startswith("good.")
    assert content[4:8] == b"\x01\0\0\0"  # hash-based, unchecked
    assert b"/var/task/good.py" in content
    assert str(tmp_path).encode() not in content


async def test_a_sweep_spares_what_is_being_deployed(tmp_path: Path):
    store = CodeStore(tmp_path)
    async with store.receive(package()) as code:
        tree = await store.unpack(code, "python3.11")
        await store.sweep([])
        assert tree.exists()
        assert store.package(code).exists()
    await store.sweep([])
    assert not tree.exists()
    assert not store.package(code).exists()


async def test_an_interrupted_deployment_is_cleaned_up(tmp_path: Path):
    store = CodeStore(tmp_path)
    (store.packages / "x.part").write_text("")
    (store.trees / ".part-x").mkdir()
    await store.clean()
    assert list(store.packages.iterdir()) == list(store.trees.iterdir()) == []
