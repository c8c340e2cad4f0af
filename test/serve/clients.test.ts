/** Clients that wait, are slow or go away, and a server that stops: nobody is delayed, and work that nobody wants ends. */
import * as fs from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { readMemory } from "../../src/memory/disk.ts";
import { folderFor } from "../folder.ts";
import { suite } from "../harness.ts";
import { inTime } from "../in-time.ts";
import { ask, begun, completion, raw, rest, run, tinyModel } from "./running.ts";

const test = suite("clients");
const folder = folderFor(test, "clients");

/** Tokens that take so long that a client has gone before the last. */
const MANY = 1_000_000;

test("a small example, written out: one computes, one waits, the third is refused with 429, and who waits is answered", async () => {
  const on = await run({ limits: { queue: 1, tokens: MANY } });
  try {
    const first = await begun(on, MANY);
    const waiting = completion(on, { prompt: "a", max_tokens: 2 });
    await ask(on, "GET", "/v1/models");
    const refused = await completion(on, { prompt: "a", max_tokens: 2 });
    assert.is(refused.status, 429);
    assert.match(refused.json.error.message, /^1 requests wait already/);
    assert.is(refused.json.error.type, "rate_limit_error");
    await first.cancel();
    assert.is((await waiting).status, 200);
  } finally {
    await on.close();
  }
});

const SLOW = 'POST /v1/completions HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100\r\n\r\n{"prompt":';

test("a client that sends slowly delays nobody", async () => {
  const on = await run();
  const slow = raw(on, SLOW).catch(() => "");
  try {
    assert.is((await completion(on, { prompt: "a", max_tokens: 2 })).status, 200);
  } finally {
    await on.close();
  }
  assert.not.match(await slow, "200 OK");
});

test("a client that sends slowly runs out of time", async () => {
  const on = await run({ limits: { seconds: 1 } });
  try {
    assert.match(
      await raw(on, SLOW),
      /^HTTP\/1.1 504 [\s\S]*the answer took longer than 1 seconds; --timeout sets that limit/,
    );
  } finally {
    await on.close();
  }
});

test("a client that goes away stops its work, and leaves the line", async () => {
  const on = await run({ limits: { tokens: MANY } });
  const { forward } = tinyModel;
  let passes = 0;
  tinyModel.forward = function (...args) {
    passes++;
    return forward.apply(this, args);
  };
  try {
    const gone = new AbortController();
    await begun(on, MANY, gone.signal);
    const body = { prompt: "b", max_tokens: MANY };
    const waiting = ask(on, "POST", "/v1/completions", body, { signal: gone.signal }).catch(() => "gone");
    await ask(on, "GET", "/v1/models");
    gone.abort();
    assert.is(await waiting, "gone");
    assert.is((await completion(on, { prompt: "c", max_tokens: 3 })).status, 200);
    assert.ok(passes < MANY, `${passes} tokens`);
    assert.equal(on.faults, []);
  } finally {
    tinyModel.forward = forward;
    await on.close();
  }
});

test("the end of the time is an error event in a stream, and 504 for who still waits", async () => {
  await inTime(1000, async (milliseconds) => {
    const on = await run({ limits: { seconds: milliseconds / 1000, tokens: MANY } });
    try {
      const stream = await begun(on, MANY); // the first event has to be in time
      const waiting = await completion(on, { prompt: "a", max_tokens: MANY });
      assert.is(waiting.status, 504);
      assert.is(waiting.json.error.type, "timeout_error");
      const end = (await rest(stream)).trim().split("\n\n").at(-1) as string;
      assert.is(JSON.parse(end.replace(/^data: /, "")).error.type, "timeout_error");
      assert.is((await ask(on, "GET", "/v1/models")).status, 200);
    } finally {
      await on.close();
    }
  });
});

test("others are answered while a document is read, and the reading ends with its client", async () => {
  const on = await run({ memories: join(folder, "breathes"), limits: { bodyBytes: 10_000_000 } });
  try {
    const gone = new AbortController();
    let isDone = false;
    const long = ask(on, "PUT", "/v1/memories/long", "fish ".repeat(1_000_000), { signal: gone.signal })
      .catch(() => "gone")
      .finally(() => {
        isDone = true;
      });
    for (let i = 0; i < 20; i++) assert.is((await ask(on, "GET", "/v1/models")).status, 200);
    assert.not(isDone, "the reading was to take longer");
    gone.abort();
    assert.is(await long, "gone");
    assert.is((await ask(on, "PUT", "/v1/memories/short", "a")).status, 201);
    assert.equal(fs.readdirSync(join(folder, "breathes")), ["short.memory.safetensors"]);
  } finally {
    await on.close();
  }
});

test("a client that reads slowly delays nobody", async () => {
  const on = await run({ model: { id: "x".repeat(5000) } }); // in every event: 15 MB, more than the system takes for a client
  try {
    const socket = connect(on.port, "127.0.0.1");
    const body = JSON.stringify({ prompt: "a", max_tokens: 3000, stream: true });
    socket.write(`POST /v1/completions HTTP/1.1\r\nhost: localhost\r\ncontent-length: ${body.length}\r\n\r\n${body}`);
    socket.pause();
    assert.is((await completion(on, { prompt: "a", max_tokens: 2 })).status, 200);
    socket.destroy();
  } finally {
    await on.close();
  }
});

test("a stopping server ends streams with an error event, answers who waits with 503, and keeps what was saved", async () => {
  const on = await run({ memories: join(folder, "stops"), limits: { tokens: 1_000_000 } });
  await ask(on, "PUT", "/v1/memories/a", "one fish");
  const stream = await begun(on, 1_000_000);
  const append = ask(on, "POST", "/v1/memories/a/documents", "two fish");
  await ask(on, "GET", "/v1/models");
  await on.close();
  assert.match(await rest(stream), /"message":"the server is stopping"/);
  assert.equal((await append).json.error.message, "the server is stopping");
  assert.is(readMemory(join(folder, "stops/a.memory.safetensors")).length, 8);
  assert.equal(fs.readdirSync(join(folder, "stops")), ["a.memory.safetensors"]);
});
