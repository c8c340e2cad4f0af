/** Texts that tokenizers tend to alter, and a source of random ones. */
import type { Random } from "../../src/base/random.ts";

export const SAMPLES: Record<string, string> = {
  empty: "",
  "a single letter": "a",
  ascii: "The quick brown fox's 12 jumps (it'll can't won't) over 3.14 lazy dogs.",
  "spaces before punctuation": "Hello , world ! He said : ' yes ' . do n't 's 've",
  "leading and trailing spaces": "   a  b   ",
  "tabs and runs of spaces": "\tif (x) {\n\t\t    return  y;   \n\t}\n\n\n",
  "Windows and old Mac line ends": "one\r\ntwo\rthree\r\n\r\n",
  emoji: "😀 👩‍👩‍👧‍👦 🇦🇶 👍🏽!",
  "combining marks": "e\u0301 \u00e9 a\u0300\u0316 \u1100\u1161\u11a8 \uac01",
  "many scripts": "日本語 русский العربية हिन्दी ไทย עברית ٣४5 ǅ ſ İ",
  "a lone byte order mark": "\ufeff",
  "byte order marks": "\ufeffabc\ufeff def",
  "odd white space": "a\u00a0b\u2003c\u2028d\u0085e\u3000f\u200bg",
  "control characters": "\u0001\u001b[0m\u007f\u0000",
  "special tokens": "<|endoftext|> <s>[INST] [MASK]</s> <pad><unk> <0x0A> ▁a",
  "byte symbols": "Ġthe Ċ ĉ Ā",
  "names of object properties": "__proto__ constructor toString hasOwnProperty __proto__",
  "characters at the edges of UTF-8 lengths": "\u007f\u0080\u07ff\u0800\ud7ff\ue000\ufffd\uffff\u{10000}\u{10ffff}",
  "a long run without spaces": "xyz".repeat(3000),
  "a long run of spaces": `${" ".repeat(5000)}x`,
};

const PIECES = [
  ..."abest 12.,'\"\n\t",
  "  ",
  "'s",
  " the",
  "\r\n",
  "é",
  "e\u0301",
  "日本",
  "😀",
  "\ufeff",
  "<|end|>",
  "Ġ",
];

/** `length` pieces, drawn so that words, spaces and signs meet in every way. */
export function randomText(length: number, random: Random): string {
  return Array.from({ length }, () => PIECES[Math.floor(random.next() * PIECES.length)]).join("");
}

/** Steps of newer models: digits one by one, then words cut at another pattern than ours. */
export const digitsThenWords = {
  type: "Sequence",
  pretokenizers: [
    { type: "Digits", individual_digits: true },
    { type: "Split", pattern: { Regex: "\\s?\\p{L}+|\\s+" }, behavior: "Isolated", invert: false },
    { type: "ByteLevel", add_prefix_space: false, use_regex: false },
  ],
};

/** A vocabulary with byte fallback: 3 special tokens, the bytes, then ▁ 259, h 260, i 261, hi 262, ▁hi 263. */
export function fallbackJson() {
  const bytes = Array.from({ length: 256 }, (_, i) => `<0x${i.toString(16).toUpperCase().padStart(2, "0")}>`);
  const tokens = ["<unk>", "<s>", "</s>", ...bytes, "▁", "h", "i", "hi", "▁hi"];
  const added = (content: string, id: number) => ({ id, content, special: true, normalized: false });
  return {
    added_tokens: tokens.slice(0, 3).map(added),
    normalizer: {
      type: "Sequence",
      normalizers: [
        { type: "Prepend", prepend: "▁" },
        { type: "Replace", pattern: { String: " " }, content: "▁" },
      ],
    },
    pre_tokenizer: null,
    post_processor: {
      type: "TemplateProcessing",
      single: [{ SpecialToken: { id: "<s>", type_id: 0 } }, { Sequence: { id: "A", type_id: 0 } }],
      special_tokens: { "<s>": { id: "<s>", ids: [1], tokens: ["<s>"] } },
    },
    decoder: {
      type: "Sequence",
      decoders: [
        { type: "Replace", pattern: { String: "▁" }, content: " " },
        { type: "ByteFallback" },
        { type: "Fuse" },
        { type: "Strip", content: " ", start: 1, stop: 0 },
      ],
    },
    model: {
      type: "BPE",
      unk_token: "<unk>",
      fuse_unk: true,
      byte_fallback: true,
      vocab: Object.fromEntries(tokens.map((token, id) => [token, id])),
      merges: [
        ["h", "i"],
        ["▁", "hi"],
      ],
    },
  };
}
