/** Writes a continuation, and finds for each token the passages that were retrieved for it. */
import {
  type LanguageModel,
  type MemorySnapshot,
  Reader,
  type SourcedPair,
  type Tokenizer,
  tokenTexts,
} from "memorizing-transformer";
import { InspectedText } from "memorizing-transformer/report";
import type { Passage, Writing, WrittenToken } from "../engine/calls.ts";

/** Passages shown for a token. */
const TOP = 4;
const SURROUNDINGS = 90;

export interface Writer {
  readonly model: LanguageModel;
  readonly tokenizer: Tokenizer;
  /** The memory that it writes with; undefined: none. */
  readonly snapshot: MemorySnapshot | undefined;
  readonly signal: AbortSignal;
}

/** Writes on from `prompt`, and tells of every token. The memory is as before afterwards. */
export async function writeText(
  { model, tokenizer, snapshot, signal }: Writer,
  { prompt, tokens, temperature, seed }: Omit<Writing, "memorySize">,
  tell: (token: WrittenToken) => void,
): Promise<void> {
  const reader = new Reader(model, tokenizer, { memorySize: snapshot?.size ?? 0 });
  try {
    if (snapshot !== undefined) reader.restore(snapshot);
    const ids = tokenizer.encode(prompt, { framed: model.framesTexts && "begin" });
    const passages = new Passages(tokenizer, snapshot, tokenTexts(tokenizer, ids));
    for await (const token of reader.generateInspected(prompt, { tokens, temperature, seed, signal, top: TOP })) {
      passages.written.push(token.text);
      tell({
        text: token.text,
        gates: token.gates.map(({ layer, head, gate }) => ({ head: `layer ${layer} head ${head}`, gate })),
        passages: token.retrieved.map((pair) => ({
          ...passages.of(pair),
          head: `layer ${pair.layer} head ${pair.head}`,
          weight: pair.weight,
          score: pair.score,
        })),
      });
    }
  } finally {
    reader.release();
  }
}

/** The texts that pairs come from, token by token: what was remembered, the prompt, and what is written. */
class Passages {
  readonly written: string[] = [];
  private readonly prompt: readonly string[];
  private readonly appended: number;
  private readonly remembered: InspectedText | undefined;

  constructor(tokenizer: Tokenizer, snapshot: MemorySnapshot | undefined, prompt: readonly string[]) {
    this.prompt = prompt;
    this.appended = snapshot?.appended ?? 0;
    const earlier = snapshot?.sources;
    this.remembered = earlier && new InspectedText({ name: "", ids: new Int32Array(), earlier }, tokenizer);
  }

  of({ serial, document, source: { index } }: SourcedPair): Passage {
    const token = serial - this.appended;
    if (token < 0 && this.remembered !== undefined) {
      return { ...this.remembered.excerpt(token, SURROUNDINGS), place: this.remembered.place(token) };
    }
    const isWritten = document === "(written)";
    const texts = isWritten ? this.written : this.prompt;
    return {
      before: texts
        .slice(Math.max(0, index - SURROUNDINGS), index)
        .join("")
        .slice(-SURROUNDINGS),
      token: texts[index] ?? "",
      after: texts
        .slice(index + 1, index + 1 + SURROUNDINGS)
        .join("")
        .slice(0, SURROUNDINGS),
      place: isWritten ? "the text that it writes" : "the prompt",
    };
  }
}
