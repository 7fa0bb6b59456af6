"""The AWS SDK for JavaScript v3, unmodified: runs the tests in javascript/ against the server."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from tests.clients.functions import Functions, package, trust, unique
from tests.clients.live import Live

FOLDER = Path(__file__).with_name("javascript")
FUNCTION = """
exports.handler = async (event) => {
    if (!event.name) throw new TypeError("no name");
    console.log("greeting", event.name);
    return process.env.GREETING + " " + event.name;
};
"""

pytestmark = [
    pytest.mark.clients,
    pytest.mark.timeout(120),
    pytest.mark.skipif(
        shutil.which("node") is None or not (FOLDER / "node_modules").is_dir(),
        reason="no Node.js, or no SDK for it: scripts/setup dev installs it where npm is",
    ),
]


@pytest.mark.parametrize("file", sorted(path.name for path in FOLDER.glob("*.test.mjs")))
def test_the_sdk_for_javascript(server: Live, tmp_path: Path, file: str) -> None:
    (tmp_path / "function.zip").write_bytes(package({"index.js": FUNCTION}))
    environment = {**server.environment(), "AWS_REGION": "us-east-1", **_identities(server),
                   "PACKAGE": str(tmp_path / "function.zip")}  # fmt: skip
    done = subprocess.run(
        ["node", "--test", "--test-reporter=spec", file],
        env=environment,
        cwd=FOLDER,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "fail 0" in done.stdout


def _identities(server: Live) -> dict[str, str]:
    """A role of functions, and a user who may assume it (the root may not)."""
    iam, user = server.client("iam"), unique("javascript")
    arn = iam.create_user(UserName=user)["User"]["Arn"]
    key = iam.create_access_key(UserName=user)["AccessKey"]
    role = Functions(server).role()
    policy = json.loads(trust())
    policy["Statement"][0]["Principal"]["AWS"] = arn
    iam.update_assume_role_policy(
        RoleName=role.rpartition("/")[2], PolicyDocument=json.dumps(policy)
    )
    return {"ROLE": role, "USER_KEY": key["AccessKeyId"], "USER_SECRET": key["SecretAccessKey"]}
