from __future__ import annotations

import io
import zipfile

import pytest

from cloudlet.services.cloudformation.resources.lambda_function import zipped


@pytest.mark.parametrize(
    ("runtime", "name"), [("python3.12", "index.py"), ("nodejs22.x", "index.js")]
)
def test_inline_code_is_a_zip_that_depends_on_nothing_else(runtime: str, name: str) -> None:
    content = zipped("x = 1\n", runtime)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.namelist() == [name]
        assert archive.read(name) == b"x = 1\n"
    assert zipped("x = 1\n", runtime) == content
