/**
 * Which heads of a layer remember, where not all do. A snapshot names them by layer; a layer that it does not name remembers in
 * all of its heads.
 */
import { isArrayOf, type Kind, whole } from "../base/check.ts";
import { InputError } from "../base/errors.ts";

/** The heads that remember in some layers, in ascending order, by the layer's number. */
export type ChosenHeads = ReadonlyMap<number, readonly number[]>;

/** Heads that remember, out of those that there are. */
export interface RememberingHeads {
  /** H, heads of a layer. */
  readonly count: number;
  /** Those that remember, of every memory layer. */
  readonly byLayer: ChosenHeads;
}

/** The check for heads by layer. */
export const someChosenHeads: Kind = {
  what: "a Map from layers to heads that remember, an array of at least one whole number in ascending order",
  accepts: (value) => value instanceof Map && [...value.values()].every(isAscending),
};

function isAscending(heads: unknown): boolean {
  return (
    isArrayOf(heads, whole(0, 2 ** 16).accepts) &&
    (heads as number[]).length > 0 &&
    (heads as number[]).every((head, i, all) => i === 0 || head > all[i - 1])
  );
}

/** Only layers in which not all heads remember; undefined if there are none. */
export function partlyChosen({ count, byLayer }: RememberingHeads): ChosenHeads | undefined {
  const partly = [...byLayer].filter(([, heads]) => heads.length < count);
  return partly.length === 0 ? undefined : new Map(partly);
}

/** How many of the `heads` heads of a layer remember. */
export function headCount(heads: number, chosen: ChosenHeads | undefined, layer: number): number {
  return chosen?.get(layer)?.length ?? heads;
}

/** @throws InputError for heads of a layer that remembers nothing, or that does not have them */
export function requireChosen(
  chosen: ChosenHeads,
  { heads, layers }: { readonly heads: number; readonly layers: ReadonlyMap<number, unknown> },
): void {
  for (const [layer, numbers] of chosen) {
    if (!layers.has(layer)) throw new InputError(`chosen: it names heads of layer ${layer}, which has no pairs`);
    const strange = numbers.find((head) => head >= heads);
    if (strange === undefined) continue;
    throw new InputError(`chosen: layer ${layer} has no head ${strange}; it has the heads 0 to ${heads - 1}`);
  }
}

/** `2,18:0,18:2`: layers that remember in all heads, and (layer, head) pairs of the others. */
export function placesText(layers: Iterable<number>, chosen: ChosenHeads | undefined): string {
  const ascending = [...layers].sort((a, b) => a - b);
  return ascending.flatMap((layer) => chosen?.get(layer)?.map((head) => `${layer}:${head}`) ?? [`${layer}`]).join(",");
}
