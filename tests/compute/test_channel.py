from __future__ import annotations

import os
from collections.abc import AsyncIterator
from time import perf_counter

import pytest

from cloudlet.compute.channel import Channel

MB = 1024 * 1024


class End:
    """A channel whose other end is ours."""

    def __init__(self) -> None:
        (self.requests, requests), (answers, self.answers) = os.pipe(), os.pipe()
        os.set_blocking(answers, False)
        self.frames: list[tuple[bytes, bytes]] = []
        self.is_broken, self.ends = False, 0
        self.channel = Channel(
            requests, answers, lambda kind, body: self.frames.append((kind, body)),
            self.broken, self.ended,
        )  # fmt: skip

    def broken(self) -> None:
        self.is_broken = True

    def ended(self) -> None:
        self.ends += 1

    def arrive(self, data: bytes, piece: int = 60_000) -> None:
        while data:
            data = data[os.write(self.answers, data[:piece]) :]
            while self.channel.read():
                pass


@pytest.fixture
async def end() -> AsyncIterator[End]:
    end = End()
    yield end
    end.channel.close()
    os.close(end.requests)
    os.close(end.answers)


def frame(kind: bytes, body: bytes) -> bytes:
    return (len(body) + 1).to_bytes(4, "little") + kind + body


@pytest.mark.parametrize("piece", [3, 1000, 60_000])
async def test_frames_arrive_whole_however_they_are_cut(end: End, piece: int) -> None:
    sent = [(b"I", b""), (b"R", b"small"), (b"R", os.urandom(70_000)), (b"B", b"x"), (b"R", b"")]
    end.arrive(b"".join(frame(*each) for each in sent), piece)
    assert end.frames == sent


async def test_a_large_frame_may_be_followed_at_once(end: End) -> None:
    large = os.urandom(6 * MB)
    end.arrive(frame(b"R", large) + frame(b"R", b"next") + frame(b"C", large[:MB]) + b"\x02")
    assert end.frames == [(b"R", large), (b"R", b"next"), (b"C", large[:MB])]


@pytest.mark.parametrize("size", [b"\0\0\0\0", b"\xff\xff\xff\x7f"])
async def test_what_is_no_frame_breaks_the_channel(end: End, size: bytes) -> None:
    end.arrive(frame(b"R", b"x" * 100_000) + size + b"R")
    assert end.is_broken
    assert [kind for kind, _ in end.frames] == [b"R"]


async def test_the_end_is_told(end: End) -> None:
    end.arrive(frame(b"R", b"x" * 1000)[:500])
    os.close(end.answers)
    end.answers = os.dup(end.requests)  # for the fixture
    assert not end.channel.read()
    assert (end.ends, end.frames) == (1, [])


async def test_it_attends_to_what_comes_and_only_for_so_long(end: End) -> None:
    end.channel.attend(0.001)
    assert end.frames == []
    os.write(end.answers, frame(b"R", b"1"))
    started = perf_counter()
    end.channel.attend(60.0)
    assert end.frames == [(b"R", b"1")]
    assert perf_counter() - started < 30


async def test_its_end_is_told_once(end: End) -> None:
    os.close(end.answers)
    for _ in range(3):
        assert not end.channel.read()
    end.channel.attend(0.001)
    assert end.ends == 1
    end.answers = os.open(os.devnull, os.O_WRONLY)
