from __future__ import annotations

import base64

import pytest
from tests.services.lambda_.world import World, outcome

from cloudlet.aws.errors import AWSError
from cloudlet.compute.environment import Outcome
from cloudlet.compute.errors import RuntimeUnavailable, SandboxFailed


async def test_the_answer_comes_with_its_log_and_version(world: World):
    await world.create()
    answer = await world.call("Invoke", FunctionName="f", Payload=b'{"a": 1}', LogType="Tail")
    assert await answer["Payload"].read() == b'{"a": 1}'
    assert base64.b64decode(answer["LogResult"]) == b"START\nEND\n"
    assert (answer["StatusCode"], answer["ExecutedVersion"]) == (200, "$LATEST")
    assert "FunctionError" not in answer


async def test_no_payload_is_an_empty_object(world: World):
    await world.create()
    await world.call("Invoke", FunctionName="f")
    assert world.compute.invocations[0][1].payload == b"{}"


async def test_a_functions_error_is_an_answer(world: World):
    async def fail(_invocation: object) -> Outcome:
        return outcome(b'{"errorMessage":"x"}', "Unhandled")

    world.compute.answer = fail
    await world.create()
    answer = await world.call("Invoke", FunctionName="f")
    assert (answer["StatusCode"], answer["FunctionError"]) == (200, "Unhandled")


async def test_a_dry_run_runs_nothing(world: World):
    await world.create()
    answer = await world.call("Invoke", FunctionName="f", InvocationType="DryRun")
    assert answer["StatusCode"] == 204
    assert world.compute.invocations == []


@pytest.mark.parametrize(
    "payload", [b"{", b"nonsense", b"\xff", b"[" * 100_000, b'{"a":1} x', b'"\xff"']
)
async def test_a_payload_that_is_not_json_is_refused(world: World, payload: bytes):
    await world.create()
    with pytest.raises(AWSError) as refused:
        await world.call("Invoke", FunctionName="f", Payload=payload)
    assert refused.value.code == "InvalidRequestContentException"


@pytest.mark.parametrize(("kind", "size"), [("RequestResponse", 6_291_557), ("Event", 1_048_577)])
async def test_a_payload_over_the_limit_is_refused(world: World, kind: str, size: int):
    await world.create()
    payload = b'"' + b"x" * (size - 2) + b'"'
    with pytest.raises(AWSError, match=f"{size} byte payload .* the {kind}") as refused:
        await world.call("Invoke", FunctionName="f", InvocationType=kind, Payload=payload)
    assert (refused.value.code, refused.value.status) == ("RequestEntityTooLargeException", 413)


async def test_the_client_context_is_passed_on(world: World):
    await world.create()
    text = base64.b64encode(b'{"client":{}}').decode()
    await world.call("Invoke", FunctionName="f", ClientContext=text)
    assert world.compute.invocations[0][1].client_context == '{"client":{}}'
    for bad in ("%%%", base64.b64encode(b"no json").decode(), "A" * 4000):
        with pytest.raises(AWSError) as refused:
            await world.call("Invoke", FunctionName="f", ClientContext=bad)
        assert refused.value.code == "InvalidRequestContentException"


async def test_an_unknown_function_is_not_found(world: World):
    with pytest.raises(AWSError, match=r"Function not found: arn:aws:lambda.*:function:nobody"):
        await world.call("Invoke", FunctionName="nobody")


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (RuntimeUnavailable("no such interpreter"), "InvalidRuntimeException"),
        (SandboxFailed("mount refused"), "ServiceException"),
    ],
)
async def test_what_compute_cannot_do_is_lambdas_error(world: World, error: Exception, code: str):
    async def fail(_invocation: object) -> Outcome:
        raise error

    world.compute.answer = fail
    await world.create()
    with pytest.raises(AWSError) as refused:
        await world.call("Invoke", FunctionName="f")
    assert refused.value.code == code
    assert world.state.targets.account("000000000000", "us-east-1").running == 0
