import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import {
  CreateFunctionCommand, DeleteFunctionCommand, GetFunctionCommand, InvokeCommand, LambdaClient,
  ResourceNotFoundException, waitUntilFunctionActiveV2,
} from "@aws-sdk/client-lambda";

const lambda = new LambdaClient();
const FunctionName = "javascript-function";
const invoke = async (event) => {
  const answer = await lambda.send(new InvokeCommand({ FunctionName, Payload: JSON.stringify(event), LogType: "Tail" }));
  return { ...answer, result: JSON.parse(Buffer.from(answer.Payload).toString()), log: atob(answer.LogResult) };
};

test("a function is made, runs, fails as JavaScript fails, and goes", async () => {
  await lambda.send(new CreateFunctionCommand({
    FunctionName, Runtime: "nodejs20.x", Handler: "index.handler", Role: process.env.ROLE,
    Code: { ZipFile: readFileSync(process.env.PACKAGE) }, Environment: { Variables: { GREETING: "hello" } },
  }));
  await waitUntilFunctionActiveV2({ client: lambda, maxWaitTime: 20, minDelay: 1 }, { FunctionName });
  const answered = await invoke({ name: "Ada" });
  assert.equal(answered.result, "hello Ada");
  assert.match(answered.log, /greeting Ada[^]*REPORT RequestId/);
  const failed = await invoke({});
  assert.equal(failed.FunctionError, "Unhandled");
  assert.deepEqual([failed.result.errorType, failed.result.errorMessage], ["TypeError", "no name"]);
  await lambda.send(new DeleteFunctionCommand({ FunctionName }));
  await assert.rejects(lambda.send(new GetFunctionCommand({ FunctionName })), (error) => error instanceof ResourceNotFoundException);
});
