/** What a decoder's state is made of, layer by layer, as the description and the settings ask for. */
import { NotFiniteError } from "../autodiff/tape.ts";
import type { Own } from "../base/lifetime.ts";
import { requireRoom } from "../memory/bytes.ts";
import type { Architecture } from "./architecture.ts";
import { DistantPairs } from "./distant-pairs.ts";
import { type Kept, LayerContext } from "./layer-context.ts";
import { type ReadingSettings, sees } from "./reading-settings.ts";
import { SegmentAngles } from "./segment-angles.ts";

/** The parts of a state. */
export interface StateParts {
  /** By layer. */
  readonly contexts: readonly LayerContext[];
  /** By layer; undefined where nothing is known of tokens that left the window. */
  readonly distant: readonly (DistantPairs | undefined)[];
  /** Undefined for learned positions. */
  readonly angles: SegmentAngles | undefined;
}

/** Makes the parts of a state of `rows` rows, with buffers for `capacity` tokens. */
export function stateParts(
  architecture: Architecture,
  settings: ReadingSettings,
  rows: number,
  capacity: number,
  own: Own,
): StateParts {
  const { keyHeads, headWidth, positions } = architecture;
  const { segment, reach, sinkDistance, sinks, memorySize, memoryHeads } = settings;
  const layers = Array.from({ length: architecture.layers }, (_, layer) => layer);
  const remembers = (layer: number) => sees(architecture, layer) && sinks + memorySize > 0;
  const kept: Kept = positions.kind === "learned" ? "pairs" : "keys";
  if (memorySize > 0 && memoryHeads.length > 0) {
    const all = { rows, heads: memoryHeads.length, width: headWidth, size: memorySize, segment: 0 };
    requireRoom(all, { dtype: settings.memoryDtype, kind: "quantised" });
  }
  const contexts = layers.map((layer) =>
    own(new LayerContext(rows, capacity, keyHeads * headWidth, remembers(layer) ? kept : "none")),
  );
  const distant = layers.map((layer) => {
    if (!remembers(layer)) return undefined;
    const heads = memoryHeads.filter(([at]) => at === layer).map(([, head]) => head);
    return own(new DistantPairs(architecture, settings, rows, heads));
  });
  if (positions.kind === "learned") return { contexts, distant, angles: undefined };
  const angles = own(new SegmentAngles(positions, { rows, segment, reach, sinkDistance, headWidth }));
  return { contexts, distant, angles };
}

/** Refuses keys and values of `count` tokens from `token` on that are not finite, because neither a file nor a search can handle them. */
export function requireFinitePairs({ contexts, distant, rows }: PairsOfRows, token: number, count: number): void {
  for (const [layer, context] of contexts.entries()) {
    if (distant[layer] === undefined) continue;
    for (let row = 0; row < rows; row++) {
      if (context.isFinite(row, token, count)) continue;
      throw new NotFiniteError(`the keys or values of layer ${layer} are not finite; the model's weights are damaged`);
    }
  }
}

type PairsOfRows = Pick<StateParts, "contexts" | "distant"> & { readonly rows: number };
