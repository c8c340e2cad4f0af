/** The weights of a model out of its files, in one of the forms in which they can be kept, with a digest of what was read. */
import { digest } from "../base/digest.ts";
import type { ForeignModel } from "./foreign-model.ts";
import type { StoredParameter } from "./read-parameters.ts";
import type { WeightKind } from "./weight-kinds.ts";
import { keptWeights, offsetName, type Weights } from "./weights.ts";

/** Called after every parameter with the numbers read so far, and in all. */
export type LoadProgress = (done: number, total: number) => void;

/**
 * Reads all weights, a parameter at a time. The digest is of the description, of every parameter as it is stored, and of offsets
 * that were trained.
 */
export function loadWeights(
  { architecture, parameters, trained }: ForeignModel,
  kind: WeightKind,
  onProgress?: LoadProgress,
): { weights: Weights; digest: string } {
  const digests = new Map<string, string>();
  const total = [...parameters.values()].reduce((sum, parameter) => sum + sizeOf(parameter), 0);
  let done = 0;
  const noted = ([name, parameter]: [string, StoredParameter]): [string, StoredParameter] => {
    const bytes = () => {
      const read = parameter.bytes();
      digests.set(name, digest([read]));
      done += sizeOf(parameter);
      onProgress?.(done, total);
      return read;
    };
    const floats = () => {
      bytes();
      return parameter.floats();
    };
    return [name, { ...parameter, bytes, floats }];
  };
  const weights = keptWeights(architecture, new Map([...parameters].map(noted)), kind);
  for (const [layer, offsets] of trained?.offsets ?? []) {
    weights.get(offsetName(layer)).set(offsets);
    if (offsets.some((offset) => offset !== 0))
      digests.set(offsetName(layer), digest([new Uint8Array(offsets.slice().buffer)]));
  }
  return { weights, digest: digestOf(architecture, digests) };
}

/** The digest that `loadWeights` returns, of bytes that are read and dropped. */
export function fingerprintOf({ architecture, parameters }: ForeignModel): string {
  return digestOf(architecture, new Map([...parameters].map(([name, { bytes }]) => [name, digest([bytes()])])));
}

/** A digest of the meaning of weights, and of their own digests. The tokens that end a text change no weight's meaning. */
function digestOf(architecture: ForeignModel["architecture"], digests: ReadonlyMap<string, string>): string {
  const { stopIds: _, ...meaning } = architecture;
  const text = JSON.stringify([meaning, [...digests].sort(([a], [b]) => (a < b ? -1 : 1))], asList);
  return digest([new TextEncoder().encode(text)]);
}

/** Typed arrays as lists. */
function asList(_key: string, value: unknown): unknown {
  return value instanceof Float64Array ? [...value] : value;
}

function sizeOf({ shape }: StoredParameter): number {
  return shape.reduce((product, size) => product * size, 1);
}
