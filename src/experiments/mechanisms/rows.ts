/**
 * The rows of the table of mechanisms: models that differ in how they see what came before, with settings by which each keeps about the
 * same state; and how those settings grow for a document that a mechanism is to see as a whole.
 */
import type { ModelConfig } from "../../model/config.ts";
import type { Cell } from "../lab/experiment.ts";
import { copying, induction, MEMORY, plain, smeared, withMemory, withXl, xl } from "../lab/recipe.ts";

/** A row of the table. */
export interface Row {
  readonly cell: Cell;
  /** Settings by which it sees all of n tokens, as far as it can. Default: none, since its state has one size. */
  readonly grown?: (n: number) => Partial<ModelConfig>;
}

interface Settings {
  /** Settings by which it keeps about the bytes of PAIRS pairs in four layers, which are those of one memory of 2,048. */
  readonly config: Partial<ModelConfig>;
  readonly grown?: Row["grown"];
}

const PAIRS = 512;
/** Tokens of a segment, and so the least XL cache. */
const SEGMENT = 128;

const wholeCache = (n: number) => ({ xl_cache_length: n });
const wholeWindow = (n: number) => ({ mechanism_window: n });
/** Keeps a cell for every `tokens` tokens. */
const cellFor = (tokens: number) => (n: number) => ({ mechanism_kept: n / tokens });

const settings: Readonly<Record<string, Settings>> = {
  "sliding window": { config: { mechanism: "window", mechanism_window: PAIRS } },
  "dilated window": { config: { mechanism: "window", mechanism_window: PAIRS / 4, mechanism_dilation: 4 } },
  "Big Bird": {
    config: { mechanism: "big-bird", mechanism_window: 192, mechanism_first: 32, xl_cache_length: PAIRS },
    grown: wholeCache,
  },
  ETC: { config: { mechanism: "etc", mechanism_window: PAIRS / 2, mechanism_kept: PAIRS / 2 }, grown: cellFor(64) },
  Reformer: {
    config: { mechanism: "reformer", mechanism_window: 64, mechanism_buckets: 16, xl_cache_length: PAIRS },
    grown: wholeCache,
  },
  "Routing Transformer": {
    config: { mechanism: "routing", mechanism_window: 64, mechanism_buckets: 16, xl_cache_length: PAIRS },
    grown: wholeCache,
  },
  "linear attention": { config: { mechanism: "linear" } },
  Performer: { config: { mechanism: "performer" } },
  "Infini-attention": { config: { mechanism: "infini", xl_cache_length: SEGMENT } },
  Linformer: { config: { mechanism: "linformer", mechanism_kept: PAIRS }, grown: cellFor(4) },
  "H-Transformer-1D": {
    config: { mechanism: "h-transformer", mechanism_block: 32, mechanism_kept: PAIRS / 4 },
    grown: (n) => ({ mechanism_levels: 1 + Math.log2(SEGMENT), ...cellFor(SEGMENT)(n) }),
  },
  Combiner: { config: { mechanism: "combiner", mechanism_block: 32, mechanism_kept: PAIRS }, grown: cellFor(32) },
  "Compressive Transformer": {
    config: { mechanism: "compressive", mechanism_window: SEGMENT, mechanism_kept: PAIRS - SEGMENT },
    grown: cellFor(4),
  },
  "Expire-Span": { config: { mechanism: "expire-span", mechanism_window: PAIRS }, grown: wholeWindow },
  "Block-Recurrent Transformer": {
    config: { mechanism: "block-recurrent", mechanism_cells: PAIRS - SEGMENT, xl_cache_length: SEGMENT },
  },
  LSTM: { config: { mechanism: "lstm", memory_layers: [], smear_keys: "none" } },
  "Feedback Transformer": {
    config: { mechanism: "feedback", mechanism_window: PAIRS, memory_layers: [], smear_keys: "none" },
    grown: wholeWindow,
  },
  ReadTwice: {
    config: { mechanism: "read-twice", mechanism_kept: PAIRS, memory_layers: [], smear_keys: "none" },
    grown: cellFor(64),
  },
};

const ofMechanisms: readonly Row[] = Object.entries(settings).map(([label, { config, grown }]) => {
  const cell = smeared({ ...plain, name: label.toLowerCase().replaceAll(" ", "-"), config });
  return { cell: { ...cell, label, config: { ...cell.config, ...config } }, grown };
});

const cache: Cell = { ...xl, name: `xl-${PAIRS}`, label: `XL cache ${PAIRS}`, config: { xl_cache_length: PAIRS } };
const memory: Cell = { ...withMemory(MEMORY, "gate"), label: "memory" };
const windowed = ofMechanisms[0].cell;
const both: Cell = {
  ...memory,
  name: `${windowed.name}-${memory.name}`,
  label: "window + memory",
  config: { ...windowed.config, ...memory.config },
};
const wholeMemory = (n: number) => ({ memory_size: n });

/** Every row, in the order in which they are computed. All begin from nothing. */
export const rows: readonly Row[] = [
  { cell: plain },
  { cell: smeared(cache), grown: wholeCache },
  ...ofMechanisms,
  { cell: smeared(memory), grown: wholeMemory },
  { cell: smeared(withXl(memory)), grown: wholeMemory },
  { cell: induction(withXl(memory)), grown: wholeMemory },
  { cell: copying(withXl(memory)), grown: wholeMemory },
  { cell: both, grown: wholeMemory },
].map((row) => ({ ...row, cell: { ...row.cell, from: undefined } }));
