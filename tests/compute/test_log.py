from __future__ import annotations

from cloudlet.compute.environment import TAIL_BYTES, tail_of
from cloudlet.compute.log import MAX_LINE_BYTES, EnvironmentLog


class Sink:
    def __init__(self) -> None:
        self.texts: list[str] = []

    def write(self, group: str, stream: str, lines: list[tuple[int, str]]) -> None:
        assert (group, stream) == ("group", "stream")
        self.texts += [text for _, text in lines]


def make() -> tuple[Sink, EnvironmentLog]:
    sink = Sink()
    return sink, EnvironmentLog(sink, "group", "stream")


def test_lines_are_put_together_from_pieces() -> None:
    sink, log = make()
    assert [log.output(piece) for piece in (b"a", b"b\n\nc", b"", b"d")] == [0, 2, 0, 0]
    log.flush()
    log.flush()
    assert sink.texts == ["ab", "", "cd"]


def test_an_event_of_many_lines_and_broken_text() -> None:
    sink, log = make()
    log.output(b"one\x1etwo\n\xff\xfe\n")
    assert sink.texts == ["one\ntwo", "\ufffd\ufffd"]


def test_a_line_without_end_is_cut() -> None:
    sink, log = make()
    for _ in range(10):
        log.output(b"x" * 32_768 * 2)
    log.flush()
    assert sum(map(len, sink.texts)) == 655_360
    assert max(map(len, sink.texts)) == MAX_LINE_BYTES


def test_the_tail_is_the_last_four_kilobytes_of_this_invocation() -> None:
    _, log = make()
    log.begin(["START"])
    log.output(b"before\n")
    log.begin(["START again"])
    assert tail_of(log.tail) == b"START again\n"
    for number in range(20_000):
        log.output(b"line %d\n" % number)
    assert len(tail_of(log.tail)) == TAIL_BYTES
    assert tail_of(log.tail).endswith(b"line 19999\n")
