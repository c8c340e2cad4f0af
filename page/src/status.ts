/** Lines that say what the page is doing. Screen readers hear of its turns, not of every percent. */
import { byId } from "./element.ts";

/** A line of index.html; next to it stands an unseen one, `NAME-spoken`, for screen readers. */
export type StatusLine = "status" | "memory-status" | "writing-status";

/** Shows a sentence. */
export function say(line: StatusLine, sentence: string): void {
  byId(line).textContent = sentence;
}

/** Shows a sentence, and has screen readers speak it. */
export function announce(line: StatusLine, sentence: string): void {
  say(line, sentence);
  byId(`${line}-spoken`).textContent = sentence;
}
