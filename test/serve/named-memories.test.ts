/** Named memories over HTTP, and requests that begin with them. */
import * as fs from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { readMemory, writeMemory } from "../../src/memory/disk.ts";
import { Reader } from "../../src/reader.ts";
import { folderFor } from "../folder.ts";
import { suite } from "../harness.ts";
import { ask, completion, run, tinyModel, tokenizer, written } from "./running.ts";

const test = suite("named memories");
const folder = folderFor(test, "named-memories");

test("a small example, written out: a memory is made, used, extended, described, listed and deleted", async () => {
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
      const { json } = await completion(on, { ...options, memory: "notes" });
      assert.is(json.choices[0].text, text, "no request changes the memory");
    }
    const byHeader = await ask(on, "POST", "/v1/completions", options, { headers: { "x-memory": "notes" } });
    assert.is(byHeader.json.choices[0].text, text);
    const without = await completion(on, options);
    assert.is(without.json.choices[0].text, await written("red", { tokens: 30, seed: 4 }));

    const more = await ask(on, "POST", "/v1/memories/notes/documents", "black fish, blue fish, old");
    assert.equal([more.status, more.json.tokens], [200, 40]);
    assert.equal(more.json.documents, [
      { name: "one fish", tokens: 14 },
      { name: "document", tokens: 26 },
    ]);
    const both = await written("red", { tokens: 30, seed: 4 }, "one fish, two fish", "black fish, blue fish, old");
    assert.is((await completion(on, { ...options, memory: "notes" })).json.choices[0].text, both);
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

test("a byte order mark is a part of a document, and none of a request", async () => {
  const on = await run({ memories: join(folder, "marks") });
  try {
    const [plain, marked] = await Promise.all(
      ["one fish", "\ufeffone fish"].map((text, i) => ask(on, "PUT", `/v1/memories/m${i}`, text)),
    );
    assert.is(marked.json.tokens - plain.json.tokens, new TextEncoder().encode("\ufeff").length);
    const request = JSON.stringify({ prompt: "a", max_tokens: 1 });
    assert.is((await ask(on, "POST", "/v1/completions", `\ufeff${request}`)).status, 200);
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
      const { status, json } = await completion(on, { prompt: "a", memory: "a", stream });
      assert.is(status, 400);
      assert.match(json.error.message, /^the memory a was made by the model other, this is the model /);
    }
    assert.is((await completion(on, { prompt: "a" })).status, 200);
  } finally {
    await on.close();
  }
});

test("a memory that is larger than the server's is not cut by one more document", async () => {
  const path = join(folder, "larger");
  const large = new Reader(tinyModel, tokenizer, { memorySize: 90 });
  await large.read("one fish, two fish, red fish, blue fish, one fish, two fish, red fish, blue fish");
  const memory = large.snapshot();
  large.release();
  const on = await run({ memories: path, model: { memorySize: 40 } });
  try {
    writeMemory(join(path, "a.memory.safetensors"), memory);
    const { status, json } = await ask(on, "POST", "/v1/memories/a/documents", "three fish");
    assert.is(status, 409);
    const wanted = `the memory a holds ${memory.length} pairs, and this server looks up 40; start it with --memory ${memory.length} or more to add to it`;
    assert.is(json.error.message, wanted);
    assert.is(readMemory(join(path, "a.memory.safetensors")).length, memory.length);
    assert.is((await completion(on, { prompt: "a", memory: "a" })).status, 200);
  } finally {
    await on.close();
  }
});

test("a disk that fails is a fault of the server, whose log alone has its paths", async () => {
  const path = join(folder, "gone");
  const on = await run({ memories: path });
  try {
    assert.is((await ask(on, "PUT", "/v1/memories/a", "one fish")).status, 201);
    fs.truncateSync(join(path, "a.memory.safetensors"), 100);
    fs.utimesSync(join(path, "a.memory.safetensors"), 1, 1); // the memory that was just saved is not read again otherwise
    const cut = await completion(on, { prompt: "a", memory: "a" });
    assert.equal([cut.status, cut.json.error.type], [500, "server_error"]);
    assert.is(cut.json.error.message, "the memory a cannot be read; the server's log says why");
    fs.rmSync(path, { recursive: true });
    const listed = await ask(on, "GET", "/v1/memories");
    assert.equal([listed.status, listed.json.error.message.includes(path)], [500, false]);
    assert.is((await ask(on, "PUT", "/v1/memories/b", "two fish")).status, 500);
    assert.is(on.faults.length, 3);
    for (const fault of on.faults) assert.match(String(fault), path);
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
      const { json } = await completion(on, { prompt: "red", max_tokens: 30, seed: 4 });
      assert.is(json.choices[0].text, await written("red", { tokens: 30, seed: 4 }, "one fish, two fish"));
    }
  } finally {
    await on.close();
  }
});

test("a model without a memory answers, and refuses documents in a sentence", async () => {
  const on = await run({ memories: join(folder, "none"), model: { memorySize: 0 } });
  try {
    for (let i = 0; i < 2; i++) assert.is((await completion(on, { prompt: "a", max_tokens: 2 })).status, 200);
    const { status, json } = await ask(on, "PUT", "/v1/memories/a", "text");
    assert.equal([status, json.error.message], [400, "the model tiny has no memory that could be kept"]);
  } finally {
    await on.close();
  }
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
