/** Models by their address are those of the same files on disk. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import * as assert from "uvu/assert";
import { InputError } from "../../src/base/errors.ts";
import { readSafetensors, writeSafetensors } from "../../src/formats/safetensors.ts";
import { openModelFromUrl } from "../../src/model/open-url.ts";
import { openModel } from "../../src/train/open-model.ts";
import { stories } from "../families/golden-models.ts";
import { suite } from "../harness.ts";
import { type RangeServer, startRangeServer } from "../platform/range-server.ts";

const test = suite("models by address");
const absent = existsSync(stories) ? undefined : `${stories} is not there`;

let server: RangeServer;
test.before(async () => {
  server = await startRangeServer();
});
test.after(() => server.close());

/** Serves the files of a directory below `path`, without those called `less`. */
function serveDirectory(path: string, directory: string, less: readonly string[] = []): string {
  for (const name of readdirSync(directory)) {
    if (!less.includes(name)) server.files.set(`${path}/${name}`, { bytes: readFileSync(`${directory}/${name}`) });
  }
  return server.address + path;
}

async function fingerprintAt(url: string | URL): Promise<string> {
  const { model, tokenizer } = await openModelFromUrl(url, { memorySize: 64 });
  assert.is(tokenizer.decode(tokenizer.encode("Lily had a ball.")).trim(), "Lily had a ball.");
  const fingerprint = model.fingerprint();
  model.release();
  return fingerprint;
}

function fingerprintOf(path: string): string {
  const { model } = openModel(path);
  const fingerprint = model.fingerprint();
  model.release();
  return fingerprint;
}

async function sentence(url: unknown, options?: object): Promise<string> {
  const thrown = await openModelFromUrl(url as string, options).catch((error) => error);
  assert.instance(thrown, InputError);
  return thrown.message;
}

test.unless(absent, "a small example, written out: one GGUF file", async () => {
  const path = `${stories}/gguf/stories260K-q8_0.gguf`;
  server.files.set("/small.gguf", { bytes: readFileSync(path), etag: '"1"' });
  assert.is(await fingerprintAt(new URL(`${server.address}/small.gguf?download=true`)), fingerprintOf(path));
  assert.match(await sentence(`${server.address}/small.gguf`, { weight: "int8" }), /unknown key "weight"/);
});

test.unless(absent, "a directory of transformers, with a slash at the end or without", async () => {
  const url = serveDirectory("/hf", `${stories}/hf`);
  const expected = fingerprintOf(`${stories}/hf`);
  assert.is(await fingerprintAt(url), expected);
  assert.is(await fingerprintAt(`${url}/`), expected);
});

test.unless(absent, "an index and its shards", async () => {
  const url = serveDirectory("/sharded", `${stories}/hf`, ["model.safetensors"]);
  const { tensors } = readSafetensors(readFileSync(`${stories}/hf/model.safetensors`), "model.safetensors");
  const names = [...tensors.keys()];
  const shards = [names.slice(0, 7), names.slice(7)];
  const weight_map: Record<string, string> = {};
  shards.forEach((part, i) => {
    const file = `model-${i}.safetensors`;
    for (const name of part) weight_map[name] = file;
    const bytes = writeSafetensors(new Map(part.map((name) => [name, tensors.get(name)!])));
    server.files.set(`/sharded/${file}`, { bytes });
  });
  const index = (map: object) => new TextEncoder().encode(JSON.stringify({ weight_map: map }));
  server.files.set("/sharded/model.safetensors.index.json", { bytes: index(weight_map) });
  assert.is(await fingerprintAt(url), fingerprintOf(`${stories}/hf`));
  server.files.delete("/sharded/model-1.safetensors");
  assert.is(await sentence(url), `${url}/model-1.safetensors does not exist`);
  server.files.set("/sharded/model.safetensors.index.json", { bytes: index({ a: "../../etc/x.safetensors" }) });
  assert.match(
    await sentence(url),
    /names the file "..\/..\/etc\/x.safetensors"; it must be that of a .safetensors file/,
  );
});

test.unless(absent, "our own model", async () => {
  const url = serveDirectory("/own", "models/reader-1m");
  const { model } = await openModelFromUrl(url);
  assert.is(model.fingerprint(), fingerprintOf("reader-1m"));
  model.release();
});

test("one sentence for what is not there, is no address, or is no option", async () => {
  const { address } = server;
  assert.is(await sentence(`${address}/nowhere.gguf`), `${address}/nowhere.gguf does not exist`);
  assert.is(await sentence(`${address}/no`), `${address}/no/config.json does not exist; it says what the model is`);
  server.files.set("/bare/config.json", { bytes: new TextEncoder().encode("{}") });
  assert.match(await sentence(`${address}/bare`), "/bare/model.safetensors does not exist, and neither does model.");
  assert.match(await sentence("models/a.gguf"), /^url: got "models\/a.gguf"; it must be the address of a .gguf file/);
  assert.match(await sentence("ftp://host/a.gguf"), /which begins with http: or https:/);
  assert.match(await sentence(`${address}/a.gguf`, { cache: 1 }), /^cache: got 1; it must be true or false/);
  server.files.set("/html.gguf", { bytes: new TextEncoder().encode("<!DOCTYPE html><title>no</title>") });
  assert.match(await sentence(`${address}/html.gguf`), /^html.gguf: not a GGUF file|html.gguf is/);
});
