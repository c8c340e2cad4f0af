/**
 * Watches a memory at work (paper, section 4.6). A document is read twice, with memory and without, over the same tokens
 * (inspected-reading.ts). inspection-summary.ts adds the numbers up.
 */
import { breathe } from "../base/breathe.ts";
import { aFunction, aName, checkOptions, type Kinds, optional } from "../base/check.ts";
import { InputError } from "../base/errors.ts";
import { allOrNothing } from "../base/lifetime.ts";
import type { LanguageModel } from "../nn/language-model.ts";
import type { Tokenizer } from "../text/tokenizer.ts";
import { InspectedReading, type InspectedReadingOptions, inspectedReadingKinds } from "./inspected-reading.ts";
import type { Retrievals } from "./retrieval-watch.ts";

/** The result of an inspection of n tokens. The first token is never predicted, so its numbers are 0. */
export interface Inspection extends Retrievals {
  /** The document's name. */
  readonly name: string;
  /** Its tokens, [n]. */
  readonly ids: Int32Array;
  /** M of the memory that was inspected. */
  readonly memorySize: number;
  /** −ln p(token) with memory, [n]. */
  readonly nats: Float32Array;
  /** −ln p(token) without memory, [n]. */
  readonly natsWithout: Float32Array;
}

/** The options of an inspection. */
export interface InspectOptions extends InspectedReadingOptions {
  /** The document's name. Default: none. */
  readonly name?: string;
  /** Called after every segment with the tokens read so far, and in all, over both readings. */
  readonly onProgress?: (done: number, total: number) => void;
}

const inspectKinds: Kinds<InspectOptions> = {
  ...inspectedReadingKinds,
  name: optional(aName),
  onProgress: optional(aFunction),
};

/**
 * Reads `ids` with memory and without, and notes what each prediction retrieved and gained.
 * @throws InputError if the model has no memory, the document has nothing to predict, or another model made `known`
 */
export async function inspect(
  model: LanguageModel,
  tokenizer: Tokenizer,
  ids: Int32Array,
  options: InspectOptions = {},
): Promise<Inspection> {
  checkOptions("inspection options", options, inspectKinds);
  const { name = "", onProgress, ...reading } = options;
  const [remembering, forgetful] = allOrNothing((own) => [
    own(new InspectedReading(model, tokenizer, ids, reading)),
    own(new InspectedReading(model, tokenizer, ids, { memorySize: 0 })),
  ]);
  try {
    const { memorySize, nats, retrievals } = remembering;
    if (retrievals === undefined) {
      throw new InputError("the model reads without a memory, so there is nothing to inspect");
    }
    const predictions = ids.length - 1;
    await complete(remembering, (done) => onProgress?.(done, 2 * predictions));
    await complete(forgetful, (done) => onProgress?.(predictions + done, 2 * predictions));
    const { heads, gates, retrieved, earlier, received } = retrievals;
    const natsWithout = forgetful.nats;
    return { name, ids, memorySize, nats, natsWithout, heads, gates, retrieved, earlier, received };
  } finally {
    forgetful.release();
    remembering.release();
  }
}

/** Reads to the end, and says after every segment how much is done. */
async function complete(reading: InspectedReading, onProgress: (done: number) => void): Promise<void> {
  while (!reading.complete) {
    reading.advance();
    onProgress(reading.done);
    await breathe();
  }
}
