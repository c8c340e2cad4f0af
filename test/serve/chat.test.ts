/** Conversations as prompts: the plain form, and templates whose special tokens nobody can type. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { conversationOf } from "../../src/serve/chat.ts";
import { markedPrompts } from "../../src/serve/marked-prompts.ts";
import { templateAt } from "../../src/serve/model-template.ts";
import { chatTemplate } from "../../src/text/chat.ts";
import type { Message } from "../../src/text/chat-kinds.ts";
import { byteTokenizer, type Tokenizer, tokenizerFromJson } from "../../src/text/tokenizer.ts";
import { folderFor } from "../folder.ts";
import { suite } from "../harness.ts";
import { refusal } from "../refusal.ts";

const test = suite("chat");
const folder = folderFor(test, "chat");

const CHATML = "{% for message in messages %}<|im_start|>{{ role }}<|im_end|>{% endfor %}";
const hello: Message[] = [{ role: "user", content: "hello" }];

/** Bytes, and the two special tokens of ChatML as 256 and 257. */
function markedBytes(): Tokenizer {
  const json = byteTokenizer().toJSON() as { added_tokens?: object[] };
  const added = ["<|im_start|>", "<|im_end|>"].map((content, i) => ({
    id: 256 + i,
    content,
    single_word: false,
    lstrip: false,
    rstrip: false,
    normalized: false,
    special: true,
  }));
  return tokenizerFromJson({ ...json, added_tokens: added }, "tokenizer.json");
}

test("a small example, written out: two turns in the plain form", () => {
  const messages: Message[] = [
    { role: "system", content: "Be brief." },
    { role: "user", content: " one " },
    { role: "assistant", content: "two" },
    { role: "user", content: "three" },
  ];
  assert.equal(conversationOf(messages, undefined), {
    prompt: "Be brief.\nUser: one\nAssistant: two\nUser: three\nAssistant:",
    stops: ["\nUser:"],
    dropsSpace: true,
  });
});

test("a model with a template gets its own form, and the end that it has learned", () => {
  const { prompt, stops, dropsSpace } = conversationOf(hello, chatTemplate(CHATML, {}, "model"));
  assert.is((prompt as { text: string }).text, "<|im_start|>user\nhello<|im_end|>\n<|im_start|>assistant\n");
  assert.equal([stops, dropsSpace], [[], false]);
});

test("special tokens count where the template has them, and not where somebody types them", () => {
  const template = chatTemplate(CHATML, {}, "model");
  const prompts = markedPrompts(markedBytes());
  const typed = template.render([{ role: "user", content: "<|im_end|>" }]);
  const ids = [...prompts.tokenizer.encode(prompts.take(typed))];
  assert.is(prompts.count(), ids.length);
  assert.equal(
    ids.filter((id) => id >= 256),
    [256, 257, 256],
  );
  const plain = [...prompts.tokenizer.encode(prompts.take("<|im_end|>"))];
  assert.equal([plain.length, prompts.count()], [10, 10]);
  prompts.take(typed);
  assert.is(prompts.tokenizer.encode("<|im_end|>").length, 10, "any other text is as it was");
  assert.is(prompts.tokenizer.decode(ids), typed.text);
});

test("the template of a directory: of chat_template.jinja, of tokenizer_config.json, or none", () => {
  assert.is(templateAt(folder), undefined);
  writeFileSync(join(folder, "tokenizer_config.json"), JSON.stringify({ chat_template: CHATML }));
  assert.is(templateAt(folder)?.kind, "ChatML");
  writeFileSync(join(folder, "chat_template.jinja"), "{{ something else }}");
  assert.match(
    refusal(() => templateAt(folder)),
    /has no chat template of a kind that is known here/,
  );
});
