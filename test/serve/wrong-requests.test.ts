/** Requests that are wrong, hostile or from elsewhere: each is refused with a status and a sentence. */
import * as fs from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { folderFor } from "../folder.ts";
import { suite } from "../harness.ts";
import { ask, type Running, raw, run } from "./running.ts";

const test = suite("wrong requests");
const folder = folderFor(test, "wrong-requests");
let shared: Running;
test.before(async () => {
  shared = await run({ memories: join(folder, "shared") });
});
test.after(async () => {
  await shared.close();
  assert.equal(shared.faults, []);
});

test("a small example, written out: a request without a prompt", async () => {
  const message = "the request has no prompt";
  assert.equal(await ask(shared, "POST", "/v1/completions", {}), {
    status: 400,
    json: { error: { message, type: "invalid_request_error", param: "prompt", code: null } },
  });
});

/** Requests that are wrong: the status, and a part of the sentence. */
const wrong: [method: string, path: string, body: object | string | undefined, status: number, sentence: RegExp][] = [
  ["GET", "/", undefined, 404, /^there is nothing at this path; the paths are \/v1\/models,/],
  ["GET", "/v1/models/other", undefined, 404, /^the model "other" is not served here, but tiny is$/],
  ["POST", "/v1/completions", { prompt: "a", model: "gpt-4" }, 404, /^the model "gpt-4" is not served here/],
  ["GET", "/v1/completions", undefined, 405, /^this path takes POST, not GET$/],
  ["OPTIONS", "/v1/completions", undefined, 405, /^this path takes POST, not OPTIONS$/],
  ["POST", "/v1/completions", "{", 400, /^the body is not valid JSON: /],
  ["POST", "/v1/completions", {}, 400, /^the request has no prompt$/],
  ["POST", "/v1/completions", { prompt: "a", n: 2 }, 400, /^n: got 2; it must be 1$/],
  ["POST", "/v1/chat/completions", { messages: [] }, 400, /^messages: got/],
  ["POST", "/v1/completions", { prompt: "a", memory: "../x" }, 400, /^"..\/x" is not a name for a memory/],
  ["POST", "/v1/completions", { prompt: "a", memory: "nowhere" }, 404, /^there is no memory nowhere; PUT/],
  ["POST", "/v1/completions", { prompt: "x".repeat(4000) }, 413, /^the body has more than 4000 bytes/],
  ["GET", "/v1/memories/nowhere", undefined, 404, /^there is no memory nowhere/],
  ["DELETE", "/v1/memories/nowhere", undefined, 404, /^there is no memory nowhere/],
  ["POST", "/v1/memories/nowhere/documents", "text", 404, /^there is no memory nowhere/],
  ["PUT", "/v1/memories/a", "", 400, /^the body is empty/],
  ["PUT", "/v1/memories/a", "a\0b", 400, /^the body is no text: character 1 is zero$/],
  ["PUT", "/v1/memories/a?documnt=b", "text", 400, /^unknown parameter documnt; only document can be given$/],
  ["PUT", "/v1/memories/%2e%2e%2fx", "text", 400, /is not a name for a memory/],
  ["PUT", "/v1/memories/a%00b", "text", 400, /is not a name for a memory/],
  ["PUT", `/v1/memories/${"x".repeat(5000)}`, "text", 400, /is not a name for a memory/],
  ["PUT", "/v1/memories/%", "text", 400, /cannot be decoded$/],
  ["PUT", "/v1/memories/%ff", "text", 400, /cannot be decoded$/],
];

for (const [method, path, body, status, sentence] of wrong) {
  const shown = JSON.stringify(body ?? "").slice(0, 40);
  test(`${method} ${path.slice(0, 40)} ${shown} is refused with ${status} and a sentence`, async () => {
    const answer = await ask(shared, method, path, body);
    assert.is(answer.status, status);
    assert.match(answer.json.error.message, sentence);
    assert.equal(Object.keys(answer.json.error), ["message", "type", "param", "code"]);
  });
}

test("nothing was made by requests that were refused", () => {
  assert.equal(fs.readdirSync(join(folder, "shared")), []);
  assert.equal(
    fs.readdirSync(folder).filter((name) => name.endsWith(".safetensors")),
    [],
  );
});

const get = (path: string, ...headers: string[]) =>
  `GET ${path} HTTP/1.1\r\n${["connection: close", ...headers].join("\r\n")}\r\n\r\n`;

test("a path with dots leads nowhere, whoever sends it as it is", async () => {
  for (const path of ["/v1/memories/../../etc/passwd", "/v1/memories/..", "/v1/memories/%2e%2e", "//etc/passwd", "*"]) {
    const answer = await raw(shared, get(path, "host: localhost"));
    assert.match(answer, /^HTTP\/1.1 40[04] /, path);
  }
});

test("only requests for this machine are answered, and no page of another site", async () => {
  for (const host of ["127.0.0.1", "localhost", `localhost:${shared.port}`, "[::1]:80", "LOCALHOST"]) {
    assert.match(await raw(shared, get("/v1/models", `host: ${host}`)), /^HTTP\/1.1 200 /, host);
  }
  for (const host of ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example:80", "0.0.0.0", ""]) {
    assert.match(await raw(shared, get("/v1/models", `host: ${host}`)), /^HTTP\/1.1 403 /, host);
  }
  for (const origin of ["http://evil.example", "null", "http://localhost:1"]) {
    const answer = await raw(shared, get("/v1/models", `host: localhost:${shared.port}`, `origin: ${origin}`));
    assert.match(answer, /^HTTP\/1.1 403 /, origin);
    assert.not.match(answer, /access-control/i);
  }
  for (const site of ["cross-site", "same-site"]) {
    const answer = await raw(shared, get("/v1/memories", "host: localhost", `sec-fetch-site: ${site}`)); // an image's, which has no origin
    assert.match(answer, /^HTTP\/1.1 403 /, site);
  }
  const own = await raw(shared, get("/v1/models", "host: localhost:5", "origin: http://localhost:5"));
  assert.match(own, /^HTTP\/1.1 200 /);
  assert.match(await raw(shared, get("/v1/models", "host: localhost", "sec-fetch-site: none")), /^HTTP\/1.1 200 /);
});

test("connections stay open after requests without a body, and after those whose body was read", async () => {
  const body = JSON.stringify({ prompt: "a", max_tokens: 1 });
  for (const [path, options] of [
    ["/v1/models", {}],
    ["/v1/nothing", {}],
    ["/v1/completions", { method: "POST", body }],
  ] as const) {
    const response = await fetch(`${shared.address}${path}`, options);
    await response.text();
    assert.is(response.headers.get("connection"), "keep-alive", path);
  }
});

test("a body that grows without end is refused when it is too large", async () => {
  const head = "POST /v1/completions HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n";
  const answer = await raw(shared, `${head}${`3e8\r\n${"x".repeat(1000)}\r\n`.repeat(6)}`);
  assert.match(answer, /^HTTP\/1.1 413 /);
  assert.match(answer, /connection: close/i);
});

test("a body that says it is huge is refused before it comes", async () => {
  const head = "PUT /v1/memories/a HTTP/1.1\r\nhost: localhost\r\ncontent-length: 9999999999\r\n\r\n";
  assert.match(await raw(shared, head), /^HTTP\/1.1 413 /);
});

test("two names for the memory of one request are refused", async () => {
  const headers = { "x-memory": "b" };
  const { status, json } = await ask(shared, "POST", "/v1/completions", { prompt: "a", memory: "a" }, { headers });
  assert.is(status, 400);
  assert.match(json.error.message, /name two memories; name one$/);
});
