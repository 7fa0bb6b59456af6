import assert from "node:assert/strict";
import { test } from "node:test";
import {
  CloudFormationClient, CreateStackCommand, DeleteStackCommand, DescribeStackEventsCommand,
  DescribeStacksCommand, waitUntilStackCreateComplete, waitUntilStackDeleteComplete,
} from "@aws-sdk/client-cloudformation";

const TemplateBody = `
Transform: AWS::Serverless-2016-10-31
Resources:
  Hello:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: nodejs20.x
      Handler: index.handler
      InlineCode: |
        exports.handler = async (event) => ({
          statusCode: 200, headers: {"x-method": event.httpMethod}, body: "hello " + event.pathParameters.name,
        });
      Events: {Api: {Type: Api, Properties: {Path: "/hello/{name}", Method: ANY}}}
Outputs:
  Api: {Value: !Ref ServerlessRestApi}
`;
const StackName = "javascript-stack";
const client = new CloudFormationClient();

test("a SAM template becomes a stack whose API answers", async () => {
  await client.send(new CreateStackCommand({
    StackName, TemplateBody, Capabilities: ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
  }));
  await waitUntilStackCreateComplete({ client, maxWaitTime: 30, minDelay: 1, maxDelay: 1 }, { StackName });
  const { Stacks: [stack] } = await client.send(new DescribeStacksCommand({ StackName }));
  const api = stack.Outputs.find((output) => output.OutputKey === "Api").OutputValue;
  const answer = await fetch(`${process.env.AWS_ENDPOINT_URL}/restapis/${api}/Prod/_user_request_/hello/Ada`, { method: "PUT", body: "x" });
  assert.deepEqual([answer.status, answer.headers.get("x-method"), await answer.text()], [200, "PUT", "hello Ada"]);
  const { StackEvents: events } = await client.send(new DescribeStackEventsCommand({ StackName }));
  assert.deepEqual([events[0].LogicalResourceId, events[0].ResourceStatus], [StackName, "CREATE_COMPLETE"]);
  assert.ok(events[0].Timestamp instanceof Date);
  await client.send(new DeleteStackCommand({ StackName }));
  await waitUntilStackDeleteComplete({ client, maxWaitTime: 30, minDelay: 1, maxDelay: 1 }, { StackName: stack.StackId });
});

test("a stack that is not there is a ValidationError", async () => {
  await assert.rejects(client.send(new DescribeStacksCommand({ StackName: "nobody" })), { name: "ValidationError" });
});
