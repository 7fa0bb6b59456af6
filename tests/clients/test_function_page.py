"""A function's page and what runs: at cloudlet's own addresses, and by the command line."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.error
import urllib.request
from typing import Any

import pytest
from tests.clients.functions import Functions, package
from tests.clients.live import Live, clean_environment
from tests.needs import needs_namespaces

from cloudlet.cli.connection import Connection

pytestmark = pytest.mark.clients

SOURCE = "def handler(event, context):\n    if event: raise ValueError('no')\n"


def _cli(live: Live, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "cloudlet", *arguments],
        env={**clean_environment(), "CLOUDLET_DATA": str(live.data)},
        capture_output=True,
        text=True,
        check=False,
    )


def _page(live: Live, name: str) -> dict[str, Any]:
    done = _cli(live, "function", name, "--json")
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_a_functions_page_outlives_the_server(own_server: Live) -> None:
    functions = Functions(own_server.start())
    name = functions.create(SOURCE, MemorySize=256)
    functions.invoke(name)
    functions.invoke(name, 1)
    page = _page(own_server, name)
    used, (latest,) = page["last_hour"], page["versions"]
    assert (used["invocations"], used["errors"], used["starts"]) == (2, 1, 1)
    assert used["billed_ms"] > 0
    assert 0 < used["max_memory_mb"] <= 256
    assert page["last_used"]
    assert page["runtime"]["exact"]
    assert [one["invocations"] for one in latest["environments"]] == [2]
    own_server.stop()
    own_server.start()
    again = _page(own_server, name)
    assert again["last_hour"] == used
    assert again["versions"][0]["environments"] == []
    text = _cli(own_server, "function", name).stdout
    assert "2 invocations (1 errors)" in text
    assert "served by version" in text
    done = _cli(own_server, "function", "nobody")
    assert (done.returncode, done.stderr.splitlines()[0]) == (
        1,
        "cloudlet: There is no function nobody.",
    )


@needs_namespaces
@pytest.mark.parametrize(
    ("module", "status", "reason"),
    [
        ("import time; time.sleep(0.05)", "ready", ""),
        ("import socket, time; time.sleep(0.05); s = socket.socket()", "refused", "socket is open"),
    ],
)
def test_the_page_and_doctor_say_what_became_of_the_imports(
    server: Live, module: str, status: str, reason: str
) -> None:
    functions = Functions(server)
    files = {
        "app.py": "import vendored\ndef handler(event, context): return 1",
        "vendored/__init__.py": module,
        "vendored-1.0.dist-info/RECORD": "vendored/__init__.py,,\n",
    }
    name = functions.create("", Code={"ZipFile": package(files)})
    functions.invoke(name)
    until, template = time.monotonic() + 20, None
    while (template is None or template["status"] == "preparing") and time.monotonic() < until:
        template = _page(server, name)["versions"][0]["template"]
    assert template is not None
    assert template["status"] == status, template
    assert reason in template["reason"]
    running = json.loads(_cli(server, "doctor", "--json").stdout)["running"]
    assert [one for one in running["templates"] if one["function_name"] == name] == [template]
    words = f"made by every environment: a {reason}" if reason else "from a template: 1 modules"
    assert words in _cli(server, "function", name).stdout


def test_doctor_tells_of_the_server_that_runs(server: Live) -> None:
    functions = Functions(server)
    name = functions.create(SOURCE)
    functions.invoke(name)
    running = json.loads(_cli(server, "doctor", "--json").stdout)["running"]
    assert running["endpoint"] == server.endpoint
    assert name in [one["function_name"] for one in running["environments"]]
    assert f"{name}:$LATEST" in _cli(server, "doctor").stdout


def test_pages_are_for_those_who_may_read_the_function(server: Live) -> None:
    functions = Functions(server)
    name = functions.create(SOURCE)
    functions.invoke(name)
    arn = functions.client.get_function_configuration(FunctionName=name)["FunctionArn"]
    for path in (f"functions/{name}", "compute"):
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(f"{server.endpoint}/_cloudlet/{path}")
        assert refused.value.code == 403
        refused.value.close()

    def ask(key: str, secret: str, path: str) -> tuple[int, dict[str, Any]]:
        status, body = Connection(server.endpoint, "us-east-1", key, secret, {}).request(
            "GET", path
        )
        return status, json.loads(body)

    stranger = ("444444444444", "test")
    assert ask(*stranger, f"/_cloudlet/functions/{name}")[0] == 404
    assert ask(*stranger, f"/_cloudlet/functions/{arn.replace(':', '%3A')}")[0] == 403
    status, found = ask(*stranger, "/_cloudlet/compute")
    assert (status, found["environments"], found["templates"]) == (200, [], [])
    iam, user = server.client("iam"), f"reader-{name}"
    iam.create_user(UserName=user)
    keys = iam.create_access_key(UserName=user)["AccessKey"]
    reader = (keys["AccessKeyId"], keys["SecretAccessKey"])
    assert ask(*reader, f"/_cloudlet/functions/{name}")[0] == 403
    assert ask(*reader, "/_cloudlet/compute")[0] == 403
    statement = {"Effect": "Allow", "Action": "lambda:GetFunctionConfiguration", "Resource": arn}
    iam.put_user_policy(
        UserName=user,
        PolicyName="read",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [statement]}),
    )
    status, found = ask(*reader, f"/_cloudlet/functions/{name}")
    assert (status, found["arn"]) == (200, arn)
    assert ask(*reader, "/_cloudlet/compute")[0] == 403
