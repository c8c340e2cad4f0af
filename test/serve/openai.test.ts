/**
 * The `openai` client from npm against a running server: what programs that exist already do works. The client is one of the
 * tools of test/bundlers.
 */
import { join } from "node:path";
import * as assert from "uvu/assert";
import { loadModel } from "../../src/train/checkpoint.ts";
import { folderFor } from "../folder.ts";
import { suite } from "../harness.ts";
import { loadTool, noTools } from "../package/tools.ts";
import { type Running, run } from "./running.ts";

const test = suite("openai client");
const folder = folderFor(test, "openai");

interface Choice {
  readonly text: string;
  readonly message: { readonly role: string; readonly content: string };
  readonly delta: { readonly content?: string };
  readonly finish_reason: string | null;
}
interface Reply {
  readonly choices: readonly Choice[];
  readonly usage?: { readonly total_tokens: number } | null;
}
type Create = (body: object, options?: object) => Promise<Reply & AsyncIterable<Reply>>;

/** What is used of the client. */
interface Client {
  readonly models: {
    list(): AsyncIterable<{ readonly id: string }>;
    retrieve(id: string): Promise<{ readonly id: string }>;
  };
  readonly completions: { create: Create };
  readonly chat: { readonly completions: { create: Create } };
  readonly put: (path: string, options: object) => Promise<{ readonly tokens: number }>;
}
type OpenAI = new (options: object) => Client;

let tiny: Running;
let bundled: Running;
let clients: Client[] = [];
test.before(async () => {
  if (noTools !== undefined) return;
  const { model, tokenizer } = loadModel("reader-1m");
  tiny = await run({ memories: join(folder, "tiny") });
  bundled = await run({ memories: join(folder, "bundled"), model: { id: "reader-1m", model, tokenizer } });
  const { default: OpenAI } = await loadTool<{ default: OpenAI }>("openai/index.mjs");
  clients = [tiny, bundled].map(
    ({ address }) => new OpenAI({ baseURL: `${address}/v1`, apiKey: "any", maxRetries: 0 }),
  );
});
test.after(async () => {
  for (const on of [tiny, bundled]) await on?.close();
});

/** The status and sentence with which a request is refused. */
async function refused(asked: Promise<unknown>): Promise<[number | undefined, string]> {
  try {
    await asked;
  } catch (error) {
    const { status, message } = error as Error & { status?: number };
    return [status, message];
  }
  return assert.unreachable("it was answered") as never;
}

for (const [n, id] of ["tiny", "reader-1m"].entries()) {
  const messages = [
    { role: "system", content: "You know fish." },
    { role: "user", content: "one fish, two fish" },
  ];

  test.unless(noTools, `${id}: models are listed and found`, async () => {
    const ids: string[] = [];
    for await (const model of clients[n].models.list()) ids.push(model.id);
    assert.equal(ids, [id]);
    assert.is((await clients[n].models.retrieve(id)).id, id);
    assert.equal((await refused(clients[n].models.retrieve("gpt-4")))[0], 404);
  });

  test.unless(noTools, `${id}: a stream of a completion is the whole completion`, async () => {
    const body = { model: id, prompt: "one fish", max_tokens: 24, seed: 7 };
    const { choices, usage } = await clients[n].completions.create(body);
    assert.ok(choices[0].text.length > 0);
    assert.ok(usage!.total_tokens > 24);
    let text = "";
    for await (const chunk of await clients[n].completions.create({ ...body, stream: true }))
      text += chunk.choices[0].text;
    assert.is(text, choices[0].text);
  });

  test.unless(noTools, `${id}: a stream of a chat is the whole chat, with its counts`, async () => {
    const body = { model: id, messages, max_completion_tokens: 24, seed: 7, temperature: 0.8, top_p: 0.9 };
    const { choices, usage } = await clients[n].chat.completions.create(body);
    assert.is(choices[0].message.role, "assistant");
    let [text, reason, counts]: [string, string | null, Reply["usage"]] = ["", null, null];
    const stream = { stream: true, stream_options: { include_usage: true } };
    for await (const chunk of await clients[n].chat.completions.create({ ...body, ...stream })) {
      text += chunk.choices[0]?.delta.content ?? "";
      reason ??= chunk.choices[0]?.finish_reason ?? null;
      counts = chunk.usage;
    }
    assert.equal([text, reason, counts], [choices[0].message.content, choices[0].finish_reason, usage]);
    const next = [...messages, choices[0].message, { role: "user", content: "red fish" }];
    await clients[n].chat.completions.create({ ...body, messages: next, max_completion_tokens: 2 });
  });

  test.unless(noTools, `${id}: a document is read, and a request uses it`, async () => {
    const text = "The key of the house lies under the third stone. ".repeat(5);
    const headers = { "content-type": "text/plain" };
    const made = await clients[n].put("/memories/notes?document=notes.txt", { body: text, headers });
    assert.ok(made.tokens > 0);
    const body = { model: id, prompt: "The key of the house lies under", max_tokens: 8, temperature: 0 };
    const known = await clients[n].completions.create({ ...body, memory: "notes" });
    const byHeader = await clients[n].completions.create(body, { headers: { "x-memory": "notes" } });
    assert.is(byHeader.choices[0].text, known.choices[0].text);
    if (id === "reader-1m") assert.match(known.choices[0].text, /^ the third stone/);
    const unknown = await clients[n].completions.create(body);
    assert.is.not(unknown.choices[0].text, known.choices[0].text);
  });

  test.unless(noTools, `${id}: wrong requests are 400 and a sentence`, async () => {
    const { completions, chat } = clients[n];
    assert.equal(await refused(completions.create({ model: id, prompt: "a", n: 3 })), [
      400,
      "400 n: got 3; it must be 1",
    ]);
    const [status, sentence] = await refused(chat.completions.create({ model: id, messages: [{ role: "me" }] }));
    assert.is(status, 400);
    assert.match(sentence, /^400 messages\[0\]\.role: got "me"; it must be/);
    assert.is((await refused(chat.completions.create({ model: id, messages, tools: [{}] })))[0], 400);
  });
}

test.unless(noTools, "100 requests at once are all answered", async () => {
  const asked = Array.from({ length: 100 }, (_, i) =>
    clients[0].completions.create({ model: "tiny", prompt: `${i}`, max_tokens: 5 }),
  );
  for (const { choices } of await Promise.all(asked)) assert.is(choices[0].finish_reason, "length");
});

test.unless(noTools, "a stream that its client leaves makes room for the next request", async () => {
  const stream = await clients[0].completions.create({ model: "tiny", prompt: "a", max_tokens: 10_000, stream: true });
  for await (const chunk of stream) {
    assert.is(chunk.choices.length, 1);
    break;
  }
  const { choices } = await clients[0].completions.create({ model: "tiny", prompt: "b", max_tokens: 2 });
  assert.is(choices[0].finish_reason, "length");
});
