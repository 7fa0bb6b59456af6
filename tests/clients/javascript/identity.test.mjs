import assert from "node:assert/strict";
import { test } from "node:test";
import { ListBucketsCommand, S3Client } from "@aws-sdk/client-s3";
import { AssumeRoleCommand, GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";

test("the caller is the root of the account", async () => {
  const identity = await new STSClient().send(new GetCallerIdentityCommand());
  assert.deepEqual([identity.Account, identity.Arn], ["000000000000", "arn:aws:iam::000000000000:root"]);
});

test("an assumed role may do what its policies allow, and no more", async () => {
  const user = { accessKeyId: process.env.USER_KEY, secretAccessKey: process.env.USER_SECRET };
  const assume = new AssumeRoleCommand({ RoleArn: process.env.ROLE, RoleSessionName: "js" });
  const { Credentials: keys } = await new STSClient({ credentials: user }).send(assume);
  const credentials = { accessKeyId: keys.AccessKeyId, secretAccessKey: keys.SecretAccessKey, sessionToken: keys.SessionToken };
  const identity = await new STSClient({ credentials }).send(new GetCallerIdentityCommand());
  assert.match(identity.Arn, /:assumed-role\/.*\/js$/);
  await assert.rejects(new S3Client({ credentials }).send(new ListBucketsCommand()), { name: "AccessDenied" });
});

test("a wrong secret is refused", async () => {
  const credentials = { accessKeyId: "cloudlet", secretAccessKey: "wrong" };
  await assert.rejects(new STSClient({ credentials }).send(new GetCallerIdentityCommand()), { name: "SignatureDoesNotMatch" });
});
