import assert from "node:assert/strict";
import { Readable } from "node:stream";
import { test } from "node:test";
import {
  CreateBucketCommand, DeleteObjectsCommand, GetObjectCommand, ListObjectsV2Command, NoSuchKey,
  PutObjectCommand, S3Client, paginateListObjectsV2,
} from "@aws-sdk/client-s3";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";

const s3 = new S3Client();
const Bucket = "javascript-s3";
const read = async (Key) => (await s3.send(new GetObjectCommand({ Bucket, Key }))).Body.transformToString();

test("objects are written, listed by pages and deleted", async () => {
  await s3.send(new CreateBucketCommand({ Bucket }));
  for (const Key of ["a/1", "a/2", "b/ü 3+"]) {
    await s3.send(new PutObjectCommand({ Bucket, Key, Body: `is ${Key}`, Metadata: { from: "js" } }));
  }
  assert.equal(await read("b/ü 3+"), "is b/ü 3+");
  const keys = [];
  for await (const page of paginateListObjectsV2({ client: s3, pageSize: 1 }, { Bucket })) {
    keys.push(...page.Contents.map((object) => object.Key));
  }
  assert.deepEqual(keys, ["a/1", "a/2", "b/ü 3+"]);
  await s3.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects: keys.map((Key) => ({ Key })) } }));
  assert.equal((await s3.send(new ListObjectsV2Command({ Bucket }))).KeyCount, 0);
});

test("a stream is sent in chunks with its checksum behind", async () => {
  const Body = Readable.from([Buffer.alloc(40_000, "x"), Buffer.alloc(30_000, "y")]);
  const put = new PutObjectCommand({ Bucket, Key: "stream", Body, ContentLength: 70_000, ChecksumAlgorithm: "CRC32" });
  assert.ok((await s3.send(put)).ChecksumCRC32);
  assert.equal((await read("stream")).length, 70_000);
});

test("a missing key is the SDK's own error class", async () => {
  await assert.rejects(read("nowhere"), (error) => error instanceof NoSuchKey && error.$metadata.httpStatusCode === 404);
});

test("presigned addresses need no keys, and end", async () => {
  const put = await getSignedUrl(s3, new PutObjectCommand({ Bucket, Key: "signed" }), { expiresIn: 60 });
  assert.equal((await fetch(put, { method: "PUT", body: "by fetch" })).status, 200);
  const get = await getSignedUrl(s3, new GetObjectCommand({ Bucket, Key: "signed" }), { expiresIn: 60 });
  assert.equal(await (await fetch(get)).text(), "by fetch");
  assert.equal((await fetch(get.replace(/X-Amz-Signature=\w{8}/, "X-Amz-Signature=00000000"))).status, 403);
});
