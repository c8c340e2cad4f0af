/**
 * How a model reads what is longer than its window: in segments, with the window before them, a few first tokens that stay, and
 * a memory of the rest.
 */
import { checkOptions, type Kind, type Kinds, oneOf, optional, whole } from "../base/check.ts";
import { InputError } from "../base/errors.ts";
import type { MemoryDtype } from "../memory/options.ts";
import type { Architecture } from "./architecture.ts";

/** Everything that a state needs to know of windows and memories. Numbers are tokens. */
export interface ReadingSettings {
  /** T, tokens of a segment. */
  readonly segment: number;
  /** W, tokens before the segment that its queries see, at least. */
  readonly window: number;
  /** First tokens of a document that every query sees, even after they left the window. */
  readonly sinks: number;
  /** The distance at which they then appear. */
  readonly sinkDistance: number;
  /** M, pairs that a head remembers; 0 is the model without memory. */
  readonly memorySize: number;
  /** K, pairs that a query retrieves. */
  readonly neighbours: number;
  /** R: pairs that are farther away appear at this distance. */
  readonly reach: number;
  /** The heads that remember: pairs of a layer and a kv head, in any order. */
  readonly memoryHeads: readonly (readonly [layer: number, keyHead: number])[];
  /** How pairs are kept. */
  readonly memoryDtype: MemoryDtype;
}

const USUAL = { segment: 256, window: 512, sinks: 4, neighbours: 32 };

const aPairList: Kind = {
  what: "a list of pairs [layer, kv head]",
  accepts: (value) =>
    Array.isArray(value) &&
    value.every((pair) => Array.isArray(pair) && pair.length === 2 && pair.every(Number.isSafeInteger)),
};

const kinds: Kinds<ReadingSettings> = {
  segment: optional(whole(1, 2 ** 20)),
  window: optional(whole(0, 2 ** 24)),
  sinks: optional(whole(0, 2 ** 16)),
  sinkDistance: optional(whole(0, 2 ** 24)),
  memorySize: optional(whole(0, 2 ** 24)),
  neighbours: optional(whole(1, 2 ** 16)),
  reach: optional(whole(0, 2 ** 24)),
  memoryHeads: optional(aPairList),
  memoryDtype: optional(oneOf("float32", "float16")),
};

/** Layers that see all that came before. The others forget by design: they have neither sinks nor a memory. */
export function sees(architecture: Architecture, layer: number): boolean {
  return architecture.windows[layer] === null;
}

/** The layers that have a memory, in ascending order. */
export function memoryLayersOf({ memoryHeads }: Pick<ReadingSettings, "memoryHeads">): number[] {
  return [...new Set(memoryHeads.map(([layer]) => layer))].sort((a, b) => a - b);
}

/** Every head that can have a memory. */
export function allMemoryHeads(architecture: Architecture): [layer: number, keyHead: number][] {
  const layers = Array.from({ length: architecture.layers }, (_, layer) => layer);
  const keyHeads = Array.from({ length: architecture.keyHeads }, (_, head) => head);
  return layers
    .filter((layer) => sees(architecture, layer))
    .flatMap((layer) => keyHeads.map((head): [number, number] => [layer, head]));
}

/**
 * Complete settings. The defaults are T 256, W 512, four sinks at distance 2 W but no farther than the trained length, no memory, K 32, R half
 * of the trained length, all heads; T and W are smaller in a model whose trained length is. `source`: the file that they come from, for messages.
 * @throws InputError for an impossible setting, or a window that exceeds the learned positions
 */
export function readingSettings(
  architecture: Architecture,
  given: Partial<ReadingSettings> = {},
  source?: string,
): ReadingSettings {
  const place = source === undefined ? "" : `${source}: `;
  checkOptions(`${place}reading settings`, given, kinds);
  const { context, positions } = architecture;
  const segment = given.segment ?? Math.max(1, Math.min(USUAL.segment, Math.floor(context / 3)));
  const window = given.window ?? Math.max(0, Math.min(USUAL.window, context - segment));
  const settings: ReadingSettings = {
    sinks: USUAL.sinks,
    sinkDistance: Math.min(2 * window, context),
    memorySize: 0,
    neighbours: USUAL.neighbours,
    reach: Math.floor(context / 2),
    memoryHeads: allMemoryHeads(architecture),
    memoryDtype: "float32",
    ...given,
    segment,
    window,
  };
  if (positions.kind === "learned" && window + segment > positions.rows) {
    throw new InputError(
      `${place}window: ${window} and a segment of ${segment} exceed the ${positions.rows} positions of the model`,
    );
  }
  requireMemoryHeads(architecture, settings.memoryHeads, place);
  return { ...settings, memoryHeads: settings.memoryHeads.toSorted(([a, b], [c, d]) => a - c || b - d) };
}

function requireMemoryHeads(architecture: Architecture, heads: ReadingSettings["memoryHeads"], place: string): void {
  const known = new Set(allMemoryHeads(architecture).map(String));
  const strange = heads.find((pair) => !known.delete(String(pair)));
  if (strange === undefined) return;
  const [layer, keyHead] = strange;
  throw new InputError(
    `${place}memoryHeads: layer ${layer}, kv head ${keyHead} is given twice, or cannot have a memory; there are ${architecture.layers} layers of ${architecture.keyHeads} kv heads, and layers with a sliding window have none`,
  );
}
