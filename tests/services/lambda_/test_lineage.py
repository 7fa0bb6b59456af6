from __future__ import annotations

import pytest

from cloudlet.services.lambda_ import lineage

ROOT = "Root=1-5759e988-bd862e3fe1be46a994272793"


def test_each_function_of_a_chain_is_counted():
    header, counts = ROOT, []
    for arn in ("a", "b", "a", "a"):
        header, count = lineage.follow(header, arn)
        counts.append(count)
    assert counts == [1, 1, 2, 3]
    assert header.startswith(f"{ROOT};Lineage=")


def test_the_header_that_an_sdk_quoted_is_the_same():
    header = lineage.follow(lineage.follow(f"{ROOT};Sampled=1", "a")[0], "b")[0]
    quoted = header.replace("|", "%7C")
    assert lineage.checked(quoted) == header


@pytest.mark.parametrize("header", ["", "Root=1", "x" * 5000, f"{ROOT}\n", "Lineage=00000000:99"])
def test_what_is_no_trace_header_is_replaced(header: str):
    assert lineage.checked(header).startswith("Root=1-")
    assert lineage.follow(lineage.checked(header), "a")[1] == 1
