/** The place where the page says in one sentence what went wrong. */
import { byId } from "./element.ts";
import { Stopped } from "./engine/remote.ts";

export interface Refusals {
  /** Shows a sentence, in place of the one before. */
  show(sentence: string): void;
  clear(): void;
  /** Runs something, and shows what goes wrong with it; a stop on request is nothing wrong. */
  guard(work: () => Promise<void>): Promise<void>;
}

export function startRefusals(): Refusals {
  const element = byId("refusal");
  const show = (sentence: string) => {
    element.textContent = sentence;
    element.hidden = false;
  };
  const clear = () => {
    element.hidden = true;
  };
  return {
    show,
    clear,
    async guard(work) {
      clear();
      try {
        await work();
      } catch (error) {
        if (!(error instanceof Stopped)) show(error instanceof Error ? error.message : String(error));
      }
    },
  };
}
