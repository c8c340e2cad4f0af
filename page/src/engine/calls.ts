/** What the page asks of its worker, what it is told meanwhile, and what it gets. Types only; transport is in remote.ts and serve.ts. */
import type { FileOfText } from "memorizing-transformer/report";
import type { Figures } from "./figures.ts";

/** A question with arguments A, news E while it is answered, and an answer R. */
export interface Question<A, E, R> {
  readonly args: A;
  readonly news: E;
  readonly answer: R;
}

/** Bytes or tokens that are done, and all that there are. */
export interface Progress {
  readonly done: number;
  readonly total: number;
}

/** The model that is open. */
export interface ModelFacts {
  readonly name: string;
  /** What a user should know of it, a sentence each. */
  readonly notes: readonly string[];
  /** Names of the heads that can have a memory; empty if none can. */
  readonly memoryLayers: readonly number[];
  /** V. */
  readonly vocabulary: number;
  /** Threads that compute. */
  readonly threads: number;
  /** The build of the kernels: `plain` or `relaxed`. */
  readonly kernels: string;
}

/** A file of a model, or of a memory, by its own name. */
export interface GivenFile {
  readonly name: string;
  readonly data: Blob;
}

/** A file with its path from where it was dropped or chosen. */
export interface FoundFile {
  readonly path: string;
  readonly data: Blob;
}

/** News of a reading, in this order: the document, then losses for one size after another. */
export type ReadingNews =
  | {
      readonly kind: "document";
      /** The name of its file, or of its folder. */
      readonly name: string;
      /** The files that make it up, if there are several. */
      readonly files: readonly FileOfText[];
      /** The text that is read, which may be cut. */
      readonly text: string;
      /** The end of each token, in UTF-16 units. */
      readonly ends: Uint32Array;
      /** Bytes of the predicted tokens. */
      readonly bytes: number;
      /** Bytes that gzip needs for the text. */
      readonly gzip: number;
      /** Names of the heads with a memory. */
      readonly heads: readonly string[];
      /** What is not read, and why, a sentence each. */
      readonly remarks: readonly string[];
    }
  | {
      readonly kind: "losses";
      readonly size: number;
      /** The first token that is predicted here. */
      readonly from: number;
      readonly nats: Float32Array;
      /** Over all sizes: tokens predicted, and tokens to predict. */
      readonly progress: Progress;
      /** Tokens a second so far, all sizes together. */
      readonly speed: number;
    }
  | {
      /** Told once, as soon as there is something to compare it with. */
      readonly kind: "xz";
      /** Bytes that xz would need for the text. */
      readonly bytes: number;
    }
  | {
      /** A larger memory finds what a smaller one found, since all pairs fit into both. */
      readonly kind: "same";
      readonly size: number;
      readonly as: number;
    };

/** A pair that was retrieved for a token. */
export interface FoundPair {
  /** Number of the head among those with a memory. */
  readonly head: number;
  /** The token of the pair; below 0 if it was read before the document. */
  readonly token: number;
  readonly weight: number;
  readonly score: number;
}

/** A passage around a token that was read before. */
export interface Passage {
  readonly before: string;
  readonly token: string;
  readonly after: string;
  readonly place: string;
}

/** Everything that a reading found for one token. */
export interface Details {
  readonly gates: readonly number[];
  readonly pairs: readonly FoundPair[];
  /** Passages of the pairs below 0, by token. */
  readonly earlier: Readonly<Record<number, Passage>>;
}

/** A token that was written, and the passages it came from. */
export interface WrittenToken {
  readonly text: string;
  readonly gates: readonly { readonly head: string; readonly gate: number }[];
  readonly passages: readonly (Passage & { readonly head: string; readonly weight: number; readonly score: number })[];
}

/** How to write. */
export interface Writing {
  readonly prompt: string;
  readonly tokens: number;
  readonly temperature: number;
  readonly seed: number;
  /** M of the memory; 0 writes without one. */
  readonly memorySize: number;
}

/** A memory that this browser keeps. */
export interface KeptMemory {
  readonly name: string;
  readonly bytes: number;
}

/** All questions, by name; those of the article are in figures.ts. */
export interface Questions extends Figures {
  openNamed: Question<{ name: string; base: string }, Progress, ModelFacts>;
  openFiles: Question<{ name: string; files: readonly GivenFile[] }, Progress, ModelFacts>;
  read: Question<{ files: readonly FoundFile[]; sizes: readonly number[] }, ReadingNews, void>;
  details: Question<{ size: number; token: number }, never, Details>;
  write: Question<Writing, WrittenToken, void>;
  keep: Question<{ name: string; memorySize: number }, Progress, KeptMemory>;
  take: Question<GivenFile, never, KeptMemory>;
  use: Question<{ name: string | undefined }, never, { pairs: number; documents: readonly string[] }>;
  kept: Question<undefined, never, readonly KeptMemory[]>;
  fetchKept: Question<{ name: string }, never, Blob>;
  drop: Question<{ name: string }, never, void>;
}
