/** Bodies of requests: what counts, and what is refused by which sentence. */
import * as assert from "uvu/assert";
import { Refusal, refusalOf } from "../../src/serve/refusals.ts";
import { chatRequest, completionRequest } from "../../src/serve/requests.ts";
import { suite } from "../harness.ts";

const test = suite("requests");

const MOST = 100;
const completion = (body: object) => completionRequest(JSON.stringify(body), MOST);
const chat = (body: object) => chatRequest(JSON.stringify(body), MOST);
const hello = [{ role: "user", content: "hello" }];

/** The sentence with which `action` is refused, and the field that it blames. */
function refused(action: () => unknown): [string, string | undefined] {
  try {
    action();
  } catch (error) {
    const { status, message, param } = refusalOf(error);
    assert.is(status, 400);
    return [message, param];
  }
  return assert.unreachable("it was accepted") as never;
}

test("a small example, written out: a prompt, three tokens, the likeliest each time", () => {
  const { prompt, stops, streams, options } = completion({ prompt: "one", max_tokens: 3, temperature: 0, seed: 5 });
  assert.equal([prompt, stops, streams], ["one", [], false]);
  assert.equal({ ...options }, { tokens: 3, temperature: 0, topP: undefined, topK: undefined, seed: 5 });
});

test("what is left out, or null, is OpenAI's default within the limit", () => {
  assert.is(completion({ prompt: "a" }).options.tokens, 16);
  assert.is(completionRequest('{"prompt":"a"}', 9).options.tokens, 9);
  assert.is(chat({ messages: hello }).options.tokens, MOST);
  assert.is(chatRequest(JSON.stringify({ messages: hello }), 9999).options.tokens, 512);
  const nulls = chat({
    messages: hello,
    max_tokens: null,
    stop: null,
    stream: null,
    tools: null,
    response_format: null,
  });
  assert.equal([nulls.options.tokens, nulls.stops, nulls.streams], [MOST, [], false]);
});

test("requests without a seed get different ones", () => {
  const seeds = new Set(Array.from({ length: 20 }, () => completion({ prompt: "a" }).options.seed));
  assert.ok(seeds.size > 15);
});

test("of no share of the probability the likeliest token remains, and a seed may be negative", () => {
  assert.equal(completion({ prompt: "a", top_p: 0, seed: 1 }).options, {
    tokens: 16,
    temperature: undefined,
    topK: 1,
    seed: 1,
  });
  const seeds = [-1, -Number.MAX_SAFE_INTEGER].map((seed) => completion({ prompt: "a", seed }).options.seed);
  assert.equal(seeds, [Number.MAX_SAFE_INTEGER - 1, 0]);
});

test("a prompt may be an array of one, a stop text alone or in an array of four", () => {
  assert.is(completion({ prompt: ["a"] }).prompt, "a");
  assert.equal(completion({ prompt: "", stop: "x" }).stops, ["x"]);
  assert.equal(completion({ prompt: "", stop: ["a", "b", "c", "d"] }).stops, ["a", "b", "c", "d"]);
});

test("messages may be in parts, and a developer is the system", () => {
  const parts = [
    { type: "text", text: "a" },
    { type: "text", text: "b" },
  ];
  const { messages } = chat({
    messages: [
      { role: "developer", content: "be brief" },
      { role: "user", content: parts },
    ],
  });
  assert.equal(messages, [
    { role: "system", content: "be brief" },
    { role: "user", content: "ab" },
  ]);
});

test("an answer can be a message of the next request as it is", () => {
  const { messages } = chat({ messages: [...hello, { role: "assistant", content: "hi", refusal: null }] });
  assert.equal(messages[1], { role: "assistant", content: "hi" });
});

test("either name of the limit counts, and not two that differ", () => {
  assert.is(chat({ messages: hello, max_tokens: 7 }).options.tokens, 7);
  assert.is(chat({ messages: hello, max_completion_tokens: 8 }).options.tokens, 8);
  assert.is(chat({ messages: hello, max_completion_tokens: 8, max_tokens: 8 }).options.tokens, 8);
  assert.equal(
    refused(() => chat({ messages: hello, max_completion_tokens: 8, max_tokens: 7 })),
    ["max_tokens is 7, but max_completion_tokens 8; give one of them", "max_tokens"],
  );
});

test("fields of other servers that ask for nothing are fine", () => {
  const nothing = { n: 1, presence_penalty: 0, frequency_penalty: 0, logit_bias: {}, user: "me" };
  assert.is(completion({ prompt: "a", ...nothing, best_of: 1, echo: false, suffix: "" }).prompt, "a");
  const more = { logprobs: false, tools: [], tool_choice: "none", response_format: { type: "text" }, store: false };
  assert.is(chat({ messages: hello, ...nothing, ...more }).messages.length, 1);
});

const wrong: [body: object, sentence: RegExp, param: string | undefined][] = [
  [{}, /^the request has no prompt$/, "prompt"],
  [{ prompt: 5 }, /^prompt: got 5; it must be a text, or an array of one text$/, "prompt"],
  [{ prompt: ["a", "b"] }, /^prompt: got \["a","b"\]; it must be/, "prompt"],
  [{ prompt: [1, 2] }, /^prompt: got/, "prompt"],
  [{ prompt: "a", n: 2 }, /^n: got 2; it must be 1$/, "n"],
  [{ prompt: "a", max_tokens: 0 }, /^max_tokens: got 0; it must be a whole number from 1 to 100$/, "max_tokens"],
  [{ prompt: "a", max_tokens: 101 }, /from 1 to 100$/, "max_tokens"],
  [{ prompt: "a", max_tokens: 1.5 }, /^max_tokens/, "max_tokens"],
  [{ prompt: "a", max_tokens: "5" }, /^max_tokens: got "5"/, "max_tokens"],
  [{ prompt: "a", temperature: 2.1 }, /^temperature: got 2.1; it must be a number from 0 to 2$/, "temperature"],
  [{ prompt: "a", temperature: -1 }, /^temperature/, "temperature"],
  [{ prompt: "a", top_p: -0.1 }, /^top_p: got -0.1; it must be a number from 0 to 1$/, "top_p"],
  [{ prompt: "a", seed: 1.5 }, /^seed: got 1.5/, "seed"],
  [{ prompt: "a", stop: "" }, /^stop: got ""/, "stop"],
  [{ prompt: "a", stop: ["a", "b", "c", "d", "e"] }, /^stop/, "stop"],
  [{ prompt: "a", stream: 1 }, /^stream: got 1; it must be true or false$/, "stream"],
  [{ prompt: "a", stream_options: { include: true } }, /^stream_options/, "stream_options"],
  [{ prompt: "a", logprobs: 3 }, /^logprobs: got 3; it must be left out, since no log-probabilities/, "logprobs"],
  [{ prompt: "a", logprobs: 0 }, /^logprobs: got 0; it must be left out/, "logprobs"], // the chosen tokens' own
  [{ prompt: "a", echo: true }, /^echo/, "echo"],
  [{ prompt: "a", memory: 5 }, /^memory: got 5/, "memory"],
  [{ prompt: "a", presence_penalty: 0.5 }, /^presence_penalty: got 0.5; it must be 0$/, "presence_penalty"],
  [{ prompt: "a", max_token: 5 }, /^the request: unknown key "max_token"; did you mean max_tokens\?$/, undefined],
  [{ prompt: "a", messages: hello }, /^the request: unknown key "messages"/, undefined],
];

for (const [body, sentence, param] of wrong) {
  test(`a completion is refused: ${JSON.stringify(body)}`, () => {
    const [said, blamed] = refused(() => completion(body));
    assert.match(said, sentence);
    assert.is(blamed, param);
  });
}

const wrongChats: [body: object, sentence: RegExp][] = [
  [{ prompt: "a" }, /^the request: unknown key "prompt"/],
  [{}, /^the request has no messages$/],
  [{ messages: [] }, /^messages: got \[\]; it must be an array of at least one message$/],
  [{ messages: ["hello"] }, /^messages: got/],
  [{ messages: [{ role: "tool", content: "a" }] }, /^messages\[0\].role: got "tool"; it must be "system" or/],
  [{ messages: [...hello, { role: "user" }] }, /^messages\[1\].content: got undefined; it must be a text, or an array/],
  [{ messages: [{ role: "user", content: [{ type: "image_url" }] }] }, /^messages\[0\].content/],
  [{ messages: [{ role: "user", content: "a", tool_calls: [] }] }, /^messages\[0\]: unknown key "tool_calls"/],
  [{ messages: hello, tools: [{ type: "function" }] }, /^tools: got .*; it must be an empty array$/],
  [{ messages: hello, response_format: { type: "json_object" } }, /^response_format: got/],
  [{ messages: hello, logprobs: true }, /^logprobs: got true; it must be false$/],
];

for (const [body, sentence] of wrongChats) {
  test(`a chat is refused: ${JSON.stringify(body)}`, () => assert.match(refused(() => chat(body))[0], sentence));
}

test("what is not JSON, or not an object, is refused in a sentence", () => {
  for (const body of ["", "{", '{"prompt":"a","prompt":"b"}', '{"prompt":"\\ud800"}', "[".repeat(1000)]) {
    assert.match(refused(() => completionRequest(body, MOST))[0], /^the body is not valid JSON: |^prompt: /);
  }
  for (const body of ["5", "null", "[]", '"a"']) {
    assert.match(refused(() => completionRequest(body, MOST))[0], /^the body is .*; it must be a JSON object$/);
  }
});

test("a key that objects have by nature is unknown", () => {
  assert.match(
    refused(() => completionRequest('{"prompt":"a","constructor":1}', MOST))[0],
    /unknown key "constructor"/,
  );
  assert.match(refused(() => completionRequest('{"prompt":"a","__proto__":1}', MOST))[0], /unknown key|not valid/);
});

test("a fault of the server's own is told without its details", () => {
  const { status, message } = refusalOf(new TypeError("secret of the implementation"));
  assert.is(status, 500);
  assert.not.match(message, /secret/);
  assert.equal(new Refusal(400, "no", "n").body, {
    error: { message: "no", type: "invalid_request_error", param: "n", code: null },
  });
});
