/**
 * What an evaluation with one memory size adds up, and its result. Losses that are added in the order of the documents, and sums over parts of the
 * documents, give the bits of one evaluation of them all.
 */
import { perplexityOf } from "../base/perplexity.ts";
import { GateMeans } from "./gate-means.ts";
import { type LayerRecall, RecallMeter } from "./recall.ts";

/** The result for one memory size. */
export interface MemoryResult {
  /** M, the memory size; 0 is none. */
  readonly memory: number;
  /** exp(Σ nats / Σ tokens), at most the largest number there is */
  readonly perplexity: number;
  /** Σ nats / ln 2 / Σ bytes of the predicted tokens' text */
  readonly bits_per_byte: number;
  /** Σ nats over all tokens. */
  readonly nats: number;
  /** Mean gate of every head of the memory layers, over the queries that retrieved something; absent if M is 0. */
  readonly gates?: readonly number[];
  /** Recall of the searches by memory layer, if requested; absent if M is 0. */
  readonly recall?: readonly LayerRecall[];
}

export class EvaluationSums {
  /** M, the memory size; 0 is none. */
  readonly memory: number;
  readonly gates = new GateMeans();
  /** Only if recall is measured. */
  readonly meter: RecallMeter | undefined;
  /** Σ nats over all tokens, in the order in which they were predicted. */
  nats = 0;

  constructor(memory: number, recall: boolean) {
    this.memory = memory;
    this.meter = recall && memory > 0 ? new RecallMeter() : undefined;
  }

  result(tokens: number, bytes: number): MemoryResult {
    const { memory, nats, gates, meter } = this;
    const rates = { perplexity: perplexityOf(nats / tokens), bits_per_byte: nats / Math.LN2 / bytes };
    const watched = { ...(memory > 0 && { gates: gates.byHead() }), ...(meter && { recall: meter.results() }) };
    return { memory, ...rates, nats, ...watched };
  }
}
