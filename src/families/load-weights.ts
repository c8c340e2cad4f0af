/** The weights of a model out of its files, in one of the forms in which they can be kept, with a digest of what was read. */
import { digest } from "../base/digest.ts";
import type { ForeignModel } from "./foreign-model.ts";
import type { StoredParameter } from "./read-parameters.ts";
import { floatWeights, type Weights } from "./weights.ts";

type Stored = ReadonlyMap<string, StoredParameter>;

/** The forms in which weights are kept, and how they are made. This is the one place that a new form is entered. */
const loaders = {
  float32: floatWeights,
} satisfies Record<string, (architecture: ForeignModel["architecture"], stored: Stored) => Weights>;

/** A form of weights. */
export type WeightKind = keyof typeof loaders;

/** All forms, the usual one first. */
export const weightKinds = Object.keys(loaders) as WeightKind[];

/** Called after every parameter with the numbers read so far, and in all. */
export type LoadProgress = (done: number, total: number) => void;

/** Reads all weights, a parameter at a time. The digest is of the description, and of every parameter as it is stored. */
export function loadWeights(
  { architecture, parameters }: ForeignModel,
  kind: WeightKind,
  onProgress?: LoadProgress,
): { weights: Weights; digest: string } {
  const digests = new Map<string, string>();
  const total = [...parameters.values()].reduce((sum, parameter) => sum + sizeOf(parameter), 0);
  let done = 0;
  const noted = ([name, parameter]: [string, StoredParameter]): [string, StoredParameter] => {
    const note = <T>(value: T): T => {
      done += sizeOf(parameter);
      onProgress?.(done, total);
      return value;
    };
    const bytes = () => {
      const read = parameter.bytes();
      digests.set(name, digest([read]));
      return read;
    };
    const floats = () => {
      bytes();
      return note(parameter.floats());
    };
    return [name, { ...parameter, bytes, floats }];
  };
  const weights = loaders[kind](architecture, new Map([...parameters].map(noted)));
  return { weights, digest: digestOf(architecture, digests) };
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
