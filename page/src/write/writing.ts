/** The part Write: a continuation with memory and one without, side by side, and where each token came from. */
import { byId, hide } from "../element.ts";
import type { WrittenToken } from "../engine/calls.ts";
import { type Remote, Stopped } from "../engine/remote.ts";
import type { Refusals } from "../refusals.ts";
import { announce } from "../status.ts";
import { showOrigin } from "./origin.ts";
import { WrittenText } from "./written-text.ts";

export interface WritingPart {
  /** Proposes a beginning from a text that was read, unless there is one. */
  suggest(text: string): void;
}

/** Characters of the text that are proposed at most, and those among which a line is looked for. */
const SUGGESTED = 30;
const SEEN = 4000;

export function startWriting(remote: Remote, refusals: Refusals, sizeOf: () => number): WritingPart {
  const prompt = byId<HTMLTextAreaElement>("prompt");
  let stop = new AbortController();
  const show = (token: WrittenToken) => showOrigin(byId("origin"), token);

  async function write(): Promise<void> {
    stop.abort();
    const own = new AbortController();
    stop = own;
    byId("stop-writing").hidden = false;
    byId("origin").hidden = true;
    announce("writing-status", "Writing, with memory and without.");
    const writing = {
      prompt: prompt.value,
      tokens: numberIn("tokens"),
      temperature: numberIn("temperature"),
      seed: numberIn("seed"),
    };
    const memorySize = sizeOf() || undefined;
    const side = (id: string, size: number) => {
      const text = new WrittenText(byId(id), prompt.value, show);
      return remote.ask("write", { ...writing, memorySize: size }, (token) => text.add(token), own.signal);
    };
    try {
      await Promise.all([side("with", memorySize ?? USUAL_SIZE), side("without", 0)]);
      if (stop === own) announce("writing-status", "Both texts are written. Choose a token to see where it came from.");
    } catch (error) {
      if (stop === own) announce("writing-status", error instanceof Stopped ? "Stopped." : "");
      throw error;
    } finally {
      if (stop === own) hide(byId("stop-writing"), prompt);
    }
  }

  byId("writing").addEventListener("submit", (event) => {
    event.preventDefault();
    void refusals.guard(write);
  });
  byId("stop-writing").addEventListener("click", () => stop.abort());
  return {
    suggest(text) {
      if (prompt.value === "") prompt.value = beginningIn(text);
    },
  };
}

/** The memory where the slider has none. */
const USUAL_SIZE = 8192;

function numberIn(id: string): number {
  return byId<HTMLInputElement>(id).valueAsNumber;
}

/** The beginning of a line from the middle of a text, which has been seen and can be continued. */
function beginningIn(text: string): string {
  const middle = text.length >> 1;
  const [, ...lines] = text.slice(middle, middle + SEEN).split("\n");
  const line = lines.find((candidate) => candidate.trim().length > SUGGESTED) ?? lines[0] ?? text;
  return line.slice(0, SUGGESTED).trimEnd();
}
