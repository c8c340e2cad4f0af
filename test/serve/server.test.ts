/** A running server: what it answers is what a Reader writes, whoever else asks, and whatever is sent. */
import * as fs from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { readMemory, writeMemory } from "../../src/memory/disk.ts";
import { Reader } from "../../src/reader.ts";
import { folderFor } from "../folder.ts";
import { suite } from "../harness.ts";
import { ask, events, type Running, raw, run, tinyModel, tokenizer } from "./running.ts";

const test = suite("serve");
const folder = folderFor(test, "serve");
let shared: Running;
test.before(async () => {
  shared = await run({ memories: join(folder, "shared") });
});
test.after(async () => {
  await shared.close();
  assert.equal(shared.faults, []);
});

/** The text of a reader that has read `documents`. */
async function written(prompt: string, options: object, ...documents: string[]): Promise<string> {
  const reader = new Reader(tinyModel, tokenizer);
  for (const document of documents) await reader.read(document);
  let text = "";
  for await (const piece of reader.generate(prompt, options)) text += piece.text;
  reader.release();
  return text;
}

const completion = (body: object, on = shared) => ask(on, "POST", "/v1/completions", body);

test("a small example, written out: the model's name, and three tokens of it", async () => {
  const { status, json } = await ask(shared, "GET", "/v1/models");
  assert.equal([status, json.object, json.data[0].id], [200, "list", "tiny"]);
  const answer = await completion({ model: "tiny", prompt: "one", max_tokens: 3, seed: 5 });
  assert.is(answer.status, 200);
  const { id, created, ...rest } = answer.json;
  assert.match(id, /^cmpl-[0-9a-f]{32}$/);
  assert.ok(created > 1.6e9);
  const text = await written("one", { tokens: 3, seed: 5 });
  assert.equal(rest, {
    model: "tiny",
    object: "text_completion",
    choices: [{ index: 0, text, logprobs: null, finish_reason: "length" }],
    usage: { prompt_tokens: 3, completion_tokens: 3, total_tokens: 6 },
  });
});

test("every option of sampling is that of a Reader", async () => {
  const pairs: [object, object][] = [
    [{ temperature: 0 }, { temperature: 0 }],
    [
      { temperature: 1.5, seed: 8 },
      { temperature: 1.5, seed: 8 },
    ],
    [
      { top_p: 0.3, seed: 8 },
      { topP: 0.3, seed: 8 },
    ],
    [
      { top_k: 3, seed: 8 },
      { topK: 3, seed: 8 },
    ],
  ];
  const texts = new Set<string>();
  for (const [asked, options] of pairs) {
    const { json } = await completion({ prompt: "fish", max_tokens: 20, ...asked });
    assert.is(json.choices[0].text, await written("fish", { tokens: 20, ...options }));
    texts.add(json.choices[0].text);
  }
  assert.is(texts.size, pairs.length);
});

test("a chat is the plain form, and its answer does not begin with the space", async () => {
  const messages = [{ role: "user", content: "hello" }];
  const { status, json } = await ask(shared, "POST", "/v1/chat/completions", { messages, max_tokens: 40, seed: 2 });
  assert.is(status, 200);
  const text = await written("User: hello\nAssistant:", { tokens: 40, seed: 2 });
  const [choice] = json.choices;
  assert.equal(choice.message, { role: "assistant", content: text.replace(/^ /, ""), refusal: null });
  assert.equal([json.object, choice.finish_reason], ["chat.completion", "length"]);
  assert.equal(json.usage, { prompt_tokens: 22, completion_tokens: 40, total_tokens: 62 });
});

test("a stop text ends the text before it, and is counted", async () => {
  const whole = await written("abc", { tokens: 60, seed: 3 });
  const stop = whole.slice(20, 22);
  const { json } = await completion({ prompt: "abc", max_tokens: 60, seed: 3, stop });
  const [expected] = whole.split(stop);
  assert.equal([json.choices[0].text, json.choices[0].finish_reason], [expected, "stop"]);
  assert.ok(json.usage.completion_tokens < 60);
});

test("a stream has the text of the whole answer, its end and its counts", async () => {
  const stop = (await written("abc", { tokens: 60, seed: 3 })).slice(30, 32);
  const messages = [{ role: "user", content: "abc" }];
  for (const more of [{}, { stop }, { stop: ["\n", stop] }]) {
    for (const [path, input] of [
      ["/v1/completions", { prompt: "abc" }] as const,
      ["/v1/chat/completions", { messages }] as const,
    ]) {
      const body = { ...input, max_tokens: 60, seed: 3, ...more };
      const { json } = await ask(shared, "POST", path, body);
      const all = await events(shared, path, { ...body, stream_options: { include_usage: true } });
      assert.is(all.pop(), "[DONE]");
      const chunks = all.map((data) => JSON.parse(data));
      const counts = chunks.pop();
      assert.equal([counts.choices, counts.usage], [[], json.usage]);
      for (const { usage, id } of chunks) assert.equal([usage, id], [null, chunks[0].id]);
      const text = chunks.map(({ choices: [choice] }) => choice.text ?? choice.delta.content ?? "").join("");
      assert.is(text, json.choices[0].text ?? json.choices[0].message.content);
      const reasons = chunks.map(({ choices: [choice] }) => choice.finish_reason);
      assert.equal(reasons.filter(Boolean), [json.choices[0].finish_reason]);
      assert.ok(reasons.at(-1));
    }
  }
});

test("a chat's stream begins with the role, and no counts come that were not asked for", async () => {
  const body = { messages: [{ role: "user", content: "a" }], max_tokens: 2 };
  const chunks = (await events(shared, "/v1/chat/completions", body)).slice(0, -1).map((data) => JSON.parse(data));
  assert.equal(chunks[0].choices[0].delta, { role: "assistant", content: "" });
  assert.equal([chunks[0].object, "usage" in chunks[0]], ["chat.completion.chunk", false]);
  assert.equal(chunks.at(-1).choices[0].delta, {});
});

test("100 requests at once are answered in turn, each as if it were alone", async () => {
  const seeds = Array.from({ length: 100 }, (_, i) => i % 7);
  const expected = await Promise.all([0, 1, 2, 3, 4, 5, 6].map((seed) => written("fish", { tokens: 8, seed })));
  const order: number[] = [];
  const answers = seeds.map(async (seed, i) => {
    const { status, json } = await completion({ prompt: "fish", max_tokens: 8, seed });
    order.push(i);
    assert.equal([status, json.choices[0].text], [200, expected[seed]]);
  });
  await Promise.all(answers);
  assert.is(order.length, 100);
});

test("a memory is made, used, extended, described, listed and deleted", async () => {
  const on = await run({ memories: join(folder, "life") });
  try {
    const made = await ask(on, "PUT", "/v1/memories/notes?document=one%20fish", "one fish, two fish");
    assert.is(made.status, 201);
    const { bytes, created, ...description } = made.json;
    const documents = [{ name: "one fish", tokens: 18 }];
    assert.equal(description, { id: "notes", object: "memory", tokens: 18, size: 40, documents });
    assert.is(bytes, fs.statSync(join(folder, "life/notes.memory.safetensors")).size);
    const options = { prompt: "red", max_tokens: 30, seed: 4 };
    const text = await written("red", { tokens: 30, seed: 4 }, "one fish, two fish");
    assert.is.not(text, await written("red", { tokens: 30, seed: 4 }));
    for (let i = 0; i < 3; i++) {
      const { json } = await completion({ ...options, memory: "notes" }, on);
      assert.is(json.choices[0].text, text, "no request changes the memory");
    }
    const byHeader = await ask(on, "POST", "/v1/completions", options, { headers: { "x-memory": "notes" } });
    assert.is(byHeader.json.choices[0].text, text);
    const without = await completion(options, on);
    assert.is(without.json.choices[0].text, await written("red", { tokens: 30, seed: 4 }));

    const more = await ask(on, "POST", "/v1/memories/notes/documents", "black fish, blue fish, old");
    assert.equal([more.status, more.json.tokens], [200, 40]);
    assert.equal(more.json.documents, [
      { name: "one fish", tokens: 14 },
      { name: "document", tokens: 26 },
    ]);
    const both = await written("red", { tokens: 30, seed: 4 }, "one fish, two fish", "black fish, blue fish, old");
    assert.is((await completion({ ...options, memory: "notes" }, on)).json.choices[0].text, both);
    assert.equal((await ask(on, "GET", "/v1/memories/notes")).json, more.json);
    assert.is(readMemory(join(folder, "life/notes.memory.safetensors")).length, 40);

    const replaced = await ask(on, "PUT", "/v1/memories/notes", "new");
    assert.equal([replaced.status, replaced.json.tokens], [200, 3]);
    await ask(on, "PUT", "/v1/memories/b", "b");
    const listed = await ask(on, "GET", "/v1/memories");
    assert.equal(
      listed.json.data.map(({ id }: { id: string }) => id),
      ["b", "notes"],
    );
    assert.equal((await ask(on, "DELETE", "/v1/memories/b")).json, { id: "b", object: "memory", deleted: true });
    assert.equal(fs.readdirSync(join(folder, "life")), ["notes.memory.safetensors"]);
    assert.equal(on.faults, []);
  } finally {
    await on.close();
  }
});

test("a memory that another model made is refused, by a stream too", async () => {
  const on = await run({ memories: join(folder, "others") });
  try {
    await ask(on, "PUT", "/v1/memories/a", "one fish");
    const file = join(folder, "others/a.memory.safetensors");
    writeMemory(file, { ...readMemory(file), model: "other" });
    for (const stream of [false, true]) {
      const { status, json } = await completion({ prompt: "a", memory: "a", stream }, on);
      assert.is(status, 400);
      assert.match(json.error.message, /^the memory a was made by the model other, this is the model /);
    }
    assert.is((await completion({ prompt: "a" }, on)).status, 200);
  } finally {
    await on.close();
  }
});

test("a request without a name begins with the memory of --load", async () => {
  const reader = new Reader(tinyModel, tokenizer);
  await reader.read("one fish, two fish");
  const on = await run({ model: { known: reader.snapshot() } });
  reader.release();
  try {
    for (let i = 0; i < 2; i++) {
      const { json } = await completion({ prompt: "red", max_tokens: 30, seed: 4 }, on);
      assert.is(json.choices[0].text, await written("red", { tokens: 30, seed: 4 }, "one fish, two fish"));
    }
  } finally {
    await on.close();
  }
});

test("a model without a memory answers, and refuses documents in a sentence", async () => {
  const on = await run({ memories: join(folder, "none"), model: { memorySize: 0 } });
  try {
    for (let i = 0; i < 2; i++) assert.is((await completion({ prompt: "a", max_tokens: 2 }, on)).status, 200);
    const { status, json } = await ask(on, "PUT", "/v1/memories/a", "text");
    assert.equal([status, json.error.message], [400, "the model tiny has no memory that could be kept"]);
  } finally {
    await on.close();
  }
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

test("a server without --memories says so", async () => {
  const on = await run();
  try {
    for (const [method, path] of [
      ["GET", ""],
      ["PUT", "/a"],
      ["DELETE", "/a"],
    ]) {
      const { status, json } = await ask(on, method, `/v1/memories${path}`, method === "PUT" ? "text" : undefined);
      assert.is(status, 400);
      assert.match(json.error.message, /^this server keeps no memories; .* --memories DIR$/);
    }
  } finally {
    await on.close();
  }
});

test("two names for the memory of one request are refused", async () => {
  const headers = { "x-memory": "b" };
  const { status, json } = await ask(shared, "POST", "/v1/completions", { prompt: "a", memory: "a" }, { headers });
  assert.is(status, 400);
  assert.match(json.error.message, /name two memories; name one$/);
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
  const own = await raw(shared, get("/v1/models", "host: localhost:5", "origin: http://localhost:5"));
  assert.match(own, /^HTTP\/1.1 200 /);
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

test("a client that sends slowly delays nobody, and runs out of time", async () => {
  const on = await run({ limits: { seconds: 1 } });
  try {
    const slow = raw(on, 'POST /v1/completions HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100\r\n\r\n{"prompt":');
    assert.is((await completion({ prompt: "a", max_tokens: 2 }, on)).status, 200);
    assert.match(await slow, /^HTTP\/1.1 504 [\s\S]*the answer took longer than 1 seconds; --timeout sets that limit/);
  } finally {
    await on.close();
  }
});

/** Asks for a stream, and resolves when its first event is there. */
async function begun(
  on: Running,
  tokens: number,
  signal?: AbortSignal,
): Promise<ReadableStreamDefaultReader<Uint8Array>> {
  const body = JSON.stringify({ prompt: "a", max_tokens: tokens, stream: true });
  const response = await fetch(`${on.address}/v1/completions`, { method: "POST", body, signal });
  const reader = response.body!.getReader();
  await reader.read();
  return reader;
}

async function rest(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<string> {
  let text = "";
  for (let part = await reader.read(); !part.done; part = await reader.read())
    text += new TextDecoder().decode(part.value);
  return text;
}

test("a full line refuses with 429, and who waits is answered", async () => {
  const on = await run({ limits: { queue: 1 } });
  try {
    const first = await begun(on, 10_000);
    const waiting = completion({ prompt: "a", max_tokens: 2 }, on);
    await ask(on, "GET", "/v1/models");
    const refused = await completion({ prompt: "a", max_tokens: 2 }, on);
    assert.is(refused.status, 429);
    assert.match(refused.json.error.message, /^1 requests wait already/);
    assert.is(refused.json.error.type, "rate_limit_error");
    await first.cancel();
    assert.is((await waiting).status, 200);
  } finally {
    await on.close();
  }
});

test("a client that goes away stops its work, and leaves the line", async () => {
  const on = await run();
  const { forward } = tinyModel;
  let passes = 0;
  tinyModel.forward = function (...args) {
    passes++;
    return forward.apply(this, args);
  };
  try {
    const gone = new AbortController();
    await begun(on, 10_000, gone.signal);
    const body = { prompt: "b", max_tokens: 10_000 };
    const waiting = ask(on, "POST", "/v1/completions", body, { signal: gone.signal }).catch(() => "gone");
    await ask(on, "GET", "/v1/models");
    gone.abort();
    assert.is(await waiting, "gone");
    assert.is((await completion({ prompt: "c", max_tokens: 3 }, on)).status, 200);
    assert.ok(passes < 10_000, `${passes} tokens`);
    assert.equal(on.faults, []);
  } finally {
    tinyModel.forward = forward;
    await on.close();
  }
});

test("the end of the time is an error event in a stream, and 504 for who still waits", async () => {
  const on = await run({ limits: { seconds: 1, tokens: 1_000_000 } });
  try {
    const stream = await begun(on, 1_000_000);
    const waiting = await completion({ prompt: "a", max_tokens: 1_000_000 }, on);
    assert.is(waiting.status, 504);
    assert.is(waiting.json.error.type, "timeout_error");
    const end = (await rest(stream)).trim().split("\n\n").at(-1) as string;
    assert.is(JSON.parse(end.replace(/^data: /, "")).error.type, "timeout_error");
    assert.is((await ask(on, "GET", "/v1/models")).status, 200);
  } finally {
    await on.close();
  }
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
  const on = await run();
  try {
    const socket = connect(on.port, "127.0.0.1");
    const body = JSON.stringify({ prompt: "a", max_tokens: 3000, stream: true });
    socket.write(`POST /v1/completions HTTP/1.1\r\nhost: localhost\r\ncontent-length: ${body.length}\r\n\r\n${body}`);
    socket.pause();
    assert.is((await completion({ prompt: "a", max_tokens: 2 }, on)).status, 200);
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

test("a fault of the program is told without details, and goes to its log", async () => {
  const on = await run();
  const { forward } = tinyModel;
  tinyModel.forward = () => {
    throw new TypeError("a secret of the program");
  };
  try {
    const { status, json } = await completion({ prompt: "a" }, on);
    assert.is(status, 500);
    assert.not.match(json.error.message, /secret/);
    assert.equal(on.faults.map(String), ["TypeError: a secret of the program"]);
    tinyModel.forward = forward;
    assert.is((await completion({ prompt: "a" }, on)).status, 200, "the next one is answered");
  } finally {
    tinyModel.forward = forward;
    await on.close();
  }
});

test("a port that is taken is refused in a sentence", async () => {
  const { server } = await run().then(async (on) => {
    await on.close();
    return on;
  });
  const refused = await server.listen(shared.port).catch((error: Error) => error.message);
  assert.is(
    refused,
    `cannot listen on port ${shared.port} of 127.0.0.1: another program listens there; choose another --port`,
  );
});
