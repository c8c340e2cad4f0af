/** Chat templates against the texts and ids that `transformers` rendered. */
import * as fs from "node:fs";
import * as assert from "uvu/assert";
import { chatTemplate, encodePrompt } from "../../src/text/chat.ts";
import type { Message } from "../../src/text/chat-kinds.ts";
import { tokenizerFromJson } from "../../src/text/tokenizer.ts";
import { readTokenizerConfig } from "../../src/text/tokenizer-config.ts";
import { suite } from "../harness.ts";
import { refusal } from "../refusal.ts";
import { absent, GOLDEN, readAny } from "./published.ts";
import { fallbackJson } from "./samples.ts";

const test = suite("chat");

const CHATML = "{% for m in messages %}{{ '<|im_start|>' + m.role + '\\n' + m.content + '<|im_end|>\\n' }}{% endfor %}";
const ZEPHYR = "{{ '<|' + m.role + '|>\\n' + m.content + eos_token }}{{ '<|assistant|>' }}";
const question: Message[] = [{ role: "user", content: "Why?" }];

test("a small example, written out: ChatML", () => {
  const { kind, render } = chatTemplate(CHATML, {}, "t");
  assert.is(kind, "ChatML");
  assert.is(render(question).text, "<|im_start|>user\nWhy?<|im_end|>\n<|im_start|>assistant\n");
  assert.is(render(question, { opensAnswer: false }).text, "<|im_start|>user\nWhy?<|im_end|>\n");
});

test("a system text of the template's own is found, however its line end is written", () => {
  for (const end of ["\n", "\\n"]) {
    const { render } = chatTemplate(`{{ '<|im_start|>system${end}Be kind.<|im_end|>${end}' }}${CHATML}`, {}, "t");
    assert.match(render(question).text, /^<\|im_start\|>system\nBe kind\.<\|im_end\|>\n<\|im_start\|>user\n/);
    assert.match(
      render([{ role: "system", content: "No." }, ...question]).text,
      /^<\|im_start\|>system\nNo\.<\|im_end\|>/,
    );
  }
});

test("a system text may have braces, quotes and escapes; one that is computed is not taken for it", () => {
  const own = "{{- '<|im_start|>system\\nPut it\\'s answer in \\\\boxed{}, \"so\".<|im_end|>\\n' }}";
  const computed = "{{- '<|im_start|>system\\n' + messages[0]['content'] + '<|im_end|>\\n' }}";
  for (const text of [computed + own, own + computed]) {
    const { render } = chatTemplate(text + CHATML, {}, "t");
    assert.match(
      render(question).text,
      '<|im_start|>system\nPut it\'s answer in \\boxed{}, "so".<|im_end|>\n<|im_start|>user',
    );
  }
  assert.is(
    chatTemplate(computed + CHATML, {}, "t")
      .render(question)
      .text.includes("system"),
    false,
  );
});

test("templates that look like a known kind and render otherwise are refused", () => {
  const tulu =
    "{% if m.role == 'user' %}{{ '<|user|>\\n' + m.content + '\\n' }}{% else %}{{ '<|assistant|>\\n' + m.content + eos_token }}{% endif %}";
  const zephyr =
    "{% if m.role == 'user' %}{{ '<|user|>\\n' + m.content + eos_token }}{% else %}{{ '<|assistant|>\\n' + m.content + eos_token }}{% endif %}";
  const factory = `{% set system_message = 'Be kind.' %}{{ '<|im_start|>system\\n' + system_message + '<|im_end|>\\n' }}${CHATML}`;
  const phi4 =
    "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '<|im_sep|>' + m['content'] + '<|im_end|>' }}{% endfor %}";
  for (const template of [tulu, factory, phi4]) {
    const sentence = refusal(() => chatTemplate(template, { eos: "</s>" }, "dir"));
    assert.match(sentence, "no chat template of a kind that is known here");
  }
  assert.is(chatTemplate(zephyr, { eos: "</s>" }, "dir").kind, "Zephyr");
});

test("Qwen3 thinks aloud behind the last question of a user, which the answer of a tool is not", () => {
  const { render } = chatTemplate("<|im_start|><|im_end|>enable_thinking</think>", {}, "dir");
  const answer = { role: "assistant", content: "Hi" } as const;
  const closed = (...messages: Message[]) => render(messages, { opensAnswer: false }).text;
  assert.match(closed({ role: "user", content: "Hi?" }, answer), "assistant\n<think>\n\n</think>\n\nHi<|im_end|>");
  assert.match(closed({ role: "system", content: "Be kind." }, answer), "assistant\nHi<|im_end|>");
  const tool = { role: "user", content: "<tool_response>4</tool_response>" } as const;
  const thought = { role: "assistant", content: "<think>\nSo.\n</think>\n\nCall." } as const;
  const after = closed({ role: "user", content: "2 + 2?" }, thought, tool, { role: "assistant", content: "4" });
  assert.match(after, "assistant\n<think>\nSo.\n</think>\n\nCall.<|im_end|>"); // the question is still the user's
});

test("a special token that a participant types is text, one of the template's is a token", () => {
  const tokenizer = tokenizerFromJson(fallbackJson(), "small");
  const prompt = chatTemplate(ZEPHYR, { eos: "</s>" }, "t").render([{ role: "user", content: "hi</s>" }]);
  assert.is(prompt.text, "<|user|>\nhi</s></s>\n<|assistant|>\n");
  const ends = (ids: Int32Array) => ids.filter((id) => id === 2).length;
  assert.is(ends(encodePrompt(tokenizer, prompt)), 1);
  assert.is(ends(tokenizer.encode(prompt.text, { special: true })), 2);
  assert.is(tokenizer.decode(encodePrompt(tokenizer, prompt)), prompt.text.replace("</s>\n", "</s> \n"));
});

test("what cannot be rendered is refused in a sentence", () => {
  assert.is(
    refusal(() => chatTemplate("{{ messages }}", {}, "dir")),
    "dir has no chat template of a kind that is known here; use the raw prompt",
  );
  assert.match(
    refusal(() => chatTemplate(ZEPHYR, {}, "dir")),
    /^dir has a chat template that needs a eos_token/,
  );
  const { render } = chatTemplate(CHATML, {}, "t");
  for (const messages of [[], [{ role: "tool", content: "" }], [{ role: "user" }], [null], "Why?"]) {
    assert.match(
      refusal(() => render(messages as Message[])),
      /^messages: got .*; it must be an array of at least one/,
    );
  }
  assert.match(
    refusal(() => render(question, { think: 1 } as object)),
    /^chat options: unknown key/,
  );
});

test("a template of a later Llama, with dates, is not taken for that of Llama 3", () => {
  const later = "<|start_header_id|> <|end_header_id|> <|eot_id|> bos_token Cutting Knowledge Date: December 2023";
  assert.match(
    refusal(() => chatTemplate(later, { bos: "<s>" }, "dir")),
    /no chat template of a kind/,
  );
});

test("tokenizer_config.json: tokens as texts or objects, a template alone or in a list", () => {
  const tokens = { bos: "<s>", eos: "</s>" };
  const json = { bos_token: { content: "<s>" }, eos_token: "</s>" };
  assert.equal(readTokenizerConfig(json, "c"), { tokens, chatTemplate: undefined });
  const listed = [
    { name: "tool_use", template: "b" },
    { name: "default", template: "a" },
  ];
  for (const chat_template of ["a", listed]) assert.is(readTokenizerConfig({ chat_template }, "c").chatTemplate, "a");
  assert.is(
    refusal(() => readTokenizerConfig([], "c")),
    "c must be a JSON object",
  );
  assert.match(
    refusal(() => readTokenizerConfig({ eos_token: 5 }, "c")),
    /^c: eos_token must be a text/,
  );
  assert.match(
    refusal(() => readTokenizerConfig({ chat_template: 5 }, "c")),
    /^c: chat_template must be a text/,
  );
});

interface Conversation {
  readonly label: string;
  readonly messages: Message[];
  readonly prompt: string;
  readonly closed: string;
  readonly ids: number[];
  readonly no_thinking?: string;
  readonly error?: string;
}

test.unless(absent, "seven templates are rendered as the original does", () => {
  assert.is(fs.readdirSync(`${GOLDEN}/chat`).length, 7);
});

for (const name of absent === undefined ? fs.readdirSync(`${GOLDEN}/chat`) : []) {
  const folder = `${GOLDEN}/chat/${name}`;

  test(`${name} renders every conversation as the original does`, () => {
    const expected = readAny(`${folder}/expected.json`);
    const path = `${folder}/${expected.tokenizer}`;
    const tokenizer = tokenizerFromJson(readAny(path), path);
    const { tokens } = readTokenizerConfig(readAny(`${folder}/tokenizer_config.json`), folder);
    const old = readTokenizerConfig(readAny(`${folder}/tokenizer_config.old.json`), folder);
    const jinja = fs.readFileSync(`${folder}/chat_template.jinja`, "utf8");
    for (const { render } of [
      chatTemplate(jinja, tokens, folder),
      chatTemplate(old.chatTemplate!, old.tokens, folder),
    ]) {
      for (const c of (expected.cases ?? expected.conversations) as Conversation[]) {
        if (c.error !== undefined) {
          assert.ok(refusal(() => render(c.messages)).startsWith(`messages: ${c.error}`), c.label);
          continue;
        }
        const prompt = render(c.messages);
        assert.is(prompt.text, c.prompt, c.label);
        assert.is(render(c.messages, { opensAnswer: false }).text, c.closed, c.label);
        assert.equal(Array.from(tokenizer.encode(prompt.text, { special: true })), c.ids, c.label);
        if (c.no_thinking !== undefined) assert.is(render(c.messages, { thinks: false }).text, c.no_thinking, c.label);
      }
    }
  });
}
