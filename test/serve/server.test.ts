/** A running server: what it answers is what a Reader writes, whoever else asks. */
import * as assert from "uvu/assert";
import { openModel } from "../../src/train/open-model.ts";
import { absent, stories } from "../families/golden-models.ts";
import { suite } from "../harness.ts";
import { ask, completion, events, type Running, run, tinyModel, tokenizer, written } from "./running.ts";

const test = suite("serve");
let shared: Running;
test.before(async () => {
  shared = await run();
});
test.after(async () => {
  await shared.close();
  assert.equal(shared.faults, []);
});

test("a small example, written out: the model's name, and three tokens of it", async () => {
  const { status, json } = await ask(shared, "GET", "/v1/models");
  assert.equal([status, json.object, json.data[0].id], [200, "list", "tiny"]);
  const answer = await completion(shared, { model: "tiny", prompt: "one", max_tokens: 3, seed: 5 });
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
    const { json } = await completion(shared, { prompt: "fish", max_tokens: 20, ...asked });
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

test.unless(absent, "a model that puts a space before texts goes on behind the prompt with its own", async () => {
  const { model, tokenizer } = openModel(`${stories}/hf`);
  const on = await run({ model: { id: "stories", model, tokenizer } });
  const prompt = "Once upon a time, there was a little girl named";
  const asked = { prompt, max_tokens: 2, temperature: 0 };
  try {
    const { json } = await completion(on, asked);
    assert.is(json.choices[0].text, " Lily.");
    const pieces = (await events(on, "/v1/completions", asked)).slice(0, -1).map((event) => JSON.parse(event));
    assert.is(pieces.map(({ choices: [{ text }] }) => text).join(""), " Lily.");
    const messages = [{ role: "user", content: prompt }];
    const chat = await ask(on, "POST", "/v1/chat/completions", { messages, max_tokens: 9, temperature: 0 });
    assert.match(chat.json.choices[0].message.content, /^[^ ]/);
    assert.equal(on.faults, []);
  } finally {
    await on.close();
    model.release();
  }
});

test("a stop text ends the text before it, and is counted", async () => {
  const whole = await written("abc", { tokens: 60, seed: 3 });
  const stop = whole.slice(20, 22);
  const { json } = await completion(shared, { prompt: "abc", max_tokens: 60, seed: 3, stop });
  const [expected] = whole.split(stop);
  assert.equal([json.choices[0].text, json.choices[0].finish_reason], [expected, "stop"]);
  assert.ok(json.usage.completion_tokens < 60);
});

test("a text that ends with the last token that it may have has ended by itself", async () => {
  const every = Array.from({ length: tokenizer.vocabSize }, (_, id) => id);
  const on = await run({ model: { model: Object.create(tinyModel, { stopIds: { value: every } }) } });
  try {
    for (const max_tokens of [1, 2]) {
      const { json } = await completion(on, { prompt: "abc", max_tokens });
      assert.equal([json.choices[0].text, json.choices[0].finish_reason], ["", "stop"], String(max_tokens));
    }
  } finally {
    await on.close();
  }
});

test("a chat's stop text may be a space, which the space behind the colon is not", async () => {
  const messages = [{ role: "user", content: "hello" }];
  const [seed, text] = await firstWithSpace();
  const { json } = await ask(shared, "POST", "/v1/chat/completions", { messages, max_tokens: 400, seed, stop: " " });
  assert.is(json.choices[0].message.content, text.slice(1).split(" ")[0]);
});

/** A seed whose answer in the plain form begins with a space, and the answer. */
async function firstWithSpace(): Promise<[seed: number, text: string]> {
  for (let seed = 0; ; seed++) {
    if (!(await written("User: hello\nAssistant:", { tokens: 1, seed })).startsWith(" ")) continue;
    return [seed, await written("User: hello\nAssistant:", { tokens: 400, seed })];
  }
}

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

test("100 requests at once are all answered, each as if it were alone", async () => {
  const seeds = Array.from({ length: 100 }, (_, i) => i % 7);
  const expected = await Promise.all([0, 1, 2, 3, 4, 5, 6].map((seed) => written("fish", { tokens: 8, seed })));
  const answers = await Promise.all(seeds.map((seed) => completion(shared, { prompt: "fish", max_tokens: 8, seed })));
  assert.equal(
    answers.map(({ status, json }) => [status, json.choices[0].text]),
    seeds.map((seed) => [200, expected[seed]]),
  );
});

test("a fault of the program is told without details, and goes to its log", async () => {
  const on = await run();
  const { forward } = tinyModel;
  tinyModel.forward = () => {
    throw new TypeError("a secret of the program");
  };
  try {
    const { status, json } = await completion(on, { prompt: "a" });
    assert.is(status, 500);
    assert.not.match(json.error.message, /secret/);
    assert.equal(on.faults.map(String), ["TypeError: a secret of the program"]);
    tinyModel.forward = forward;
    assert.is((await completion(on, { prompt: "a" })).status, 200, "the next one is answered");
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
