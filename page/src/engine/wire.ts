/** The messages between the page and its worker: questions with a number, and everything that is said under that number. */
import type { Questions } from "./calls.ts";

export type Name = keyof Questions;

export type ToWorker =
  | { readonly id: number; readonly ask: Name; readonly args: unknown }
  | { readonly id: number; readonly stop: true };

export type ToPage =
  | { readonly id: number; readonly news: unknown }
  | { readonly id: number; readonly answer: unknown }
  | { readonly id: number; readonly refusal: string; readonly stopped: boolean };
