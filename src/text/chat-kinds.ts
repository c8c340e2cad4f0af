/**
 * The seven kinds of chat templates that are known, as code: ChatML with and without a system text of its own (SmolLM2 and
 * Qwen2.5 have one), Qwen3, Llama 3, Gemma, Gemma 3, and Zephyr. Each is known by marks in its Jinja text.
 */

/** One turn of a conversation. */
export interface Message {
  /** Who speaks. */
  readonly role: "system" | "user" | "assistant";
  /** The text. */
  readonly content: string;
}

/** Tokens that a template puts in by name. */
export interface TemplateTokens {
  /** The beginning-of-text token, such as "<bos>". */
  readonly bos?: string;
  /** The end-of-text token, such as "</s>". */
  readonly eos?: string;
}

/** A part of a prompt: a text of the template, or one that a participant typed. */
export type Piece = string | { readonly typed: string };

interface Situation {
  /** The Jinja text, where it holds more than its kind. */
  readonly template: string;
  readonly tokens: TemplateTokens;
  readonly opensAnswer: boolean;
  readonly thinks: boolean;
}

export interface ChatKind {
  readonly name: string;
  /** Marks that all must stand in the template. */
  readonly has: readonly string[];
  /** Marks of other kinds, which would be rendered otherwise. */
  readonly lacks: readonly string[];
  /** What else tells a template of another kind. */
  readonly isOther?: (template: string) => boolean;
  readonly needs: readonly (keyof TemplateTokens)[];
  /** Why the template refuses a conversation, if it does. */
  readonly refuses?: (messages: readonly Message[]) => string | undefined;
  render(messages: readonly Message[], situation: Situation): Piece[];
}

const typed = (text: string): Piece => ({ typed: text });

/** A text without white space at its ends, as Python's strip. JavaScript's trim takes U+FEFF too, and not U+0085. */
function trimmed(text: string): string {
  const isBlank = (at: number) => /\p{White_Space}/u.test(text[at]) || (text[at] >= "\x1c" && text[at] <= "\x1f");
  let [from, to] = [0, text.length];
  while (from < to && isBlank(from)) from++;
  while (to > from && isBlank(to - 1)) to--;
  return text.slice(from, to);
}

const withoutFirstLines = (text: string) => text.replace(/^\n+/, "");

function withoutLastLines(text: string): string {
  let to = text.length;
  while (text[to - 1] === "\n") to--;
  return text.slice(0, to);
}

const chatMLTurn = (role: string, ...content: Piece[]): Piece[] => [
  `<|im_start|>${role}\n`,
  ...content,
  "<|im_end|>\n",
];
const chatMLAnswer = "<|im_start|>assistant\n";

/** The system text that a ChatML template brings, in a literal of its own: with a line end, or with "\n" and the like spelled out. */
function ownSystemText(template: string): string | undefined {
  const texts = template.matchAll(/<\|im_start\|>system(\n|\\n)((?:(?!<\|im_(?:start|end)\|>).)+)<\|im_end\|>/gs);
  for (const [, lineEnd, text] of texts) {
    if (/['"]\s*\+|\{[{%]/.test(text)) continue; // an expression, such as that of the first message
    return lineEnd === "\n" ? text : text.replace(/\\(n|.)/g, (_, mark) => (mark === "n" ? "\n" : mark));
  }
  return undefined;
}

const chatML: ChatKind = {
  name: "ChatML",
  has: ["<|im_start|>", "<|im_end|>"],
  lacks: [
    "<|im_sep|>", // Phi-4
    "<think>",
    "enable_thinking",
    "trim",
    "strip",
    "raise_exception",
    "strftime_now",
    "bos_token",
    "system_message",
  ],
  needs: [],
  render(messages, { template, opensAnswer }) {
    const own = messages[0].role === "system" ? undefined : ownSystemText(template);
    return [
      ...(own === undefined ? [] : chatMLTurn("system", own)),
      ...messages.flatMap(({ role, content }) => chatMLTurn(role, typed(content))),
      ...(opensAnswer ? [chatMLAnswer] : []),
    ];
  },
};

/** ChatML where the assistant's thoughts are dropped from all turns but those behind the last question. */
const qwen3: ChatKind = {
  name: "Qwen3",
  has: ["<|im_start|>", "<|im_end|>", "enable_thinking", "</think>"],
  lacks: ["raise_exception", "strftime_now", "bos_token"],
  needs: [],
  render(messages, { opensAnswer, thinks }) {
    const last = messages.findLastIndex(isQuestion);
    const question = last < 0 ? messages.length - 1 : last;
    const turns = messages.flatMap(({ role, content }, i) => {
      if (role !== "assistant") return chatMLTurn(role, typed(content));
      const { thought, answer } = thoughtOf(content);
      const isShown = i > question && (i === messages.length - 1 || thought !== "");
      if (!isShown) return chatMLTurn(role, typed(answer));
      const shown: Piece[] = ["<think>\n", typed(thought), "\n</think>\n\n", typed(withoutFirstLines(answer))];
      return chatMLTurn(role, ...shown);
    });
    if (!opensAnswer) return turns;
    return [...turns, chatMLAnswer, ...(thinks ? [] : ["<think>\n\n</think>\n\n"])];
  },
};

/** Whether a turn is a user's own, and not the answer of a tool. */
function isQuestion({ role, content }: Message): boolean {
  return role === "user" && !(content.startsWith("<tool_response>") && content.endsWith("</tool_response>"));
}

/** Divides an answer at its last "</think>"; the thought is what stands before the first one. */
function thoughtOf(content: string): { thought: string; answer: string } {
  if (!content.includes("</think>")) return { thought: "", answer: content };
  const parts = content.split("</think>");
  const thought = withoutLastLines(parts[0]).split("<think>").at(-1)!;
  return { thought: withoutFirstLines(thought), answer: withoutFirstLines(parts.at(-1)!) };
}

const llama3: ChatKind = {
  name: "Llama 3",
  has: ["<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>", "bos_token"],
  lacks: ["Cutting Knowledge Date", "strftime_now"], // Llama 3.1 and later: a system text with dates and tools
  needs: ["bos"],
  render(messages, { tokens, opensAnswer }) {
    const header = (role: string) => `<|start_header_id|>${role}<|end_header_id|>\n\n`;
    const turns = messages.flatMap(({ role, content }) => [header(role), typed(trimmed(content)), "<|eot_id|>"]);
    return [tokens.bos!, ...turns, ...(opensAnswer ? [header("assistant")] : [])];
  },
};

const gemmaTurn = (role: string, ...content: Piece[]): Piece[] => [
  `<start_of_turn>${role === "assistant" ? "model" : role}\n`,
  ...content,
  "<end_of_turn>\n",
];
const gemmaAnswer = "<start_of_turn>model\n";

function refusesUnlessTurns(messages: readonly Message[]): string | undefined {
  const alternate = messages.every(({ role }, i) => (role === "user") === (i % 2 === 0));
  return alternate ? undefined : "Conversation roles must alternate user/assistant/user/assistant/...";
}

const gemma: ChatKind = {
  name: "Gemma",
  has: ["<start_of_turn>", "<end_of_turn>", "System role not supported"],
  lacks: [],
  needs: ["bos"],
  refuses: (messages) => (messages[0].role === "system" ? "System role not supported" : refusesUnlessTurns(messages)),
  render(messages, { tokens, opensAnswer }) {
    const turns = messages.flatMap(({ role, content }) => gemmaTurn(role, typed(trimmed(content))));
    return [tokens.bos!, ...turns, ...(opensAnswer ? [gemmaAnswer] : [])];
  },
};

/** Gemma, with the system text, as it is, at the beginning of the first question. */
const gemma3: ChatKind = {
  name: "Gemma 3",
  has: ["<start_of_turn>", "<end_of_turn>", "messages[1:]"],
  lacks: ["System role not supported"],
  needs: ["bos"],
  refuses: (messages) => refusesUnlessTurns(messages[0].role === "system" ? messages.slice(1) : messages),
  render(messages, { tokens, opensAnswer }) {
    const [first, ...others] = messages;
    const isSystem = first.role === "system";
    const system: Piece[] = isSystem ? [typed(first.content), "\n\n"] : [];
    const turns = (isSystem ? others : messages).flatMap(({ role, content }, i) =>
      gemmaTurn(role, ...(i === 0 ? system : []), typed(trimmed(content))),
    );
    return [tokens.bos!, ...turns, ...(opensAnswer ? [gemmaAnswer] : [])];
  },
};

const zephyr: ChatKind = {
  name: "Zephyr",
  has: ["<|assistant|>", "eos_token"],
  lacks: ["<|end|>", "<|im_start|>", "bos_token", "trim", "raise_exception"],
  // Tulu's ends only the turns of the assistant.
  isOther: (template) => template.includes("<|user|>") && !/<\|user\|>(?:(?!<\|).){0,200}?eos_token/s.test(template),
  needs: ["eos"],
  render(messages, { tokens, opensAnswer }) {
    const turns = messages.flatMap(({ role, content }) => [`<|${role}|>\n`, typed(content), `${tokens.eos}\n`]);
    return [...turns, ...(opensAnswer ? ["<|assistant|>\n"] : [])];
  },
};

/** Qwen3 before ChatML, whose marks it has too. */
export const chatKinds: readonly ChatKind[] = [qwen3, chatML, llama3, gemma, gemma3, zephyr];
