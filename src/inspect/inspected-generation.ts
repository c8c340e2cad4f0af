/** Watches a memory while a model writes: each token comes with the pairs that were retrieved for it, and their sources. */
import { check, optional, someOptions, whole } from "../base/check.ts";
import { InputError } from "../base/errors.ts";
import type { Source } from "../memory/source-table.ts";
import {
  type GeneratedToken,
  type GenerationCallbacks,
  type GenerationOptions,
  generate,
  requireReading,
} from "../model/generate.ts";
import { type LanguageModel, type ReadingState, requireVocabulary } from "../nn/language-model.ts";
import type { Retrieval } from "../nn/self-attention.ts";
import type { Tokenizer } from "../text/tokenizer.ts";
import { lookups } from "./lookups.ts";
import type { MemoryHead } from "./retrieval-watch.ts";

/** The options of a generation under watch. */
export interface InspectedGenerationOptions extends Partial<GenerationOptions>, Pick<GenerationCallbacks, "signal"> {
  /** Retrieved pairs kept for each token, those with the largest shares. Default: 8. */
  readonly top?: number;
}

/** A pair that one head retrieved, and where it comes from. */
export interface SourcedPair extends MemoryHead {
  /** q·k; from −1 to 1 in a model that normalises both, as ours does. */
  readonly score: number;
  /** Its part of the softmax over the head's retrieved pairs, 0 to 1. */
  readonly weight: number;
  /** Its part of the head's result: weight times gate. */
  readonly share: number;
  /** Tokens that were read before it, forgotten ones included. */
  readonly serial: number;
  /** The name of its document; "(written)" for what the model wrote itself. */
  readonly document: string;
  /** Where it stands there. */
  readonly source: Source;
}

/** A token that was written, and what was retrieved for it. */
export interface InspectedToken extends GeneratedToken {
  /** The share of the memory in the result of each head that retrieved something. */
  readonly gates: readonly (MemoryHead & { readonly gate: number })[];
  /** The pairs with the largest shares, largest first; none while the memory is empty. */
  readonly retrieved: readonly SourcedPair[];
}

/**
 * `generate`, where each token comes with what was retrieved for it. `state` notes sources, or has no memory.
 * @throws InputError as `generate`, or if the state does not note sources
 */
export async function* inspectGeneration(
  model: LanguageModel,
  tokenizer: Tokenizer,
  state: ReadingState,
  prompt: Int32Array,
  options: InspectedGenerationOptions = {},
): AsyncGenerator<InspectedToken, void> {
  check("options", options, someOptions);
  const { top = 8, ...given } = options;
  check("top", top, optional(whole(1, 2 ** 16 - 1)));
  requireVocabulary(model, tokenizer);
  requireReading(model, state);
  if (state.memories.size > 0 && state.sources.length === 0) {
    throw new InputError("state: it does not note where its pairs come from; make it with a tokenizer");
  }
  let [gates, pairs]: [InspectedToken["gates"][number][], SourcedPair[]] = [[], []];
  const observe = (layer: number, retrieval: Retrieval) => {
    const heads = state.retrievingHeads(layer);
    for (const { place, gate, pairs: found } of lookups(retrieval, heads)) {
      const head = heads[place];
      gates.push({ layer, head, gate });
      for (const { slot, score, weight } of found) {
        pairs.push({ layer, head, score, weight, share: weight * gate, ...sourceOf(state, slot) });
      }
    }
  };
  for await (const token of generate(model, tokenizer, state, prompt, { ...given, observe })) {
    const retrieved = pairs.sort((a, b) => b.share - a.share).slice(0, top);
    yield { ...token, gates, retrieved };
    [gates, pairs] = [[], []];
  }
}

function sourceOf({ sources: [log] }: ReadingState, slot: number): Pick<SourcedPair, "serial" | "document" | "source"> {
  const source = log.at(slot);
  return { serial: log.serial(slot), document: log.documents[source.document], source };
}
