/** Where a model remembers, as users say it: layers, and kv heads of layers. `18:0,18:2,20` is two heads of layer 18 and all of layer 20. */
import { check, isArrayOf, type Kind, whole } from "../base/check.ts";
import { InputError } from "../base/errors.ts";
import type { Architecture } from "./architecture.ts";
import { allMemoryHeads, type ReadingSettings, sees } from "./reading-settings.ts";

/** Every head that can remember, or layers (all of their kv heads) and pairs of a layer and a kv head. */
export type MemoryPlaces = "all" | readonly (number | readonly [layer: number, keyHead: number])[];

const aNumber = whole(0, 2 ** 16);

/** The check for places. */
export const somePlaces: Kind = {
  what: '"all", or an array of layers and of pairs [layer, kv head]',
  accepts: (value) => value === "all" || isArrayOf(value, isPlace),
};

function isPlace(place: unknown): boolean {
  return aNumber.accepts(place) || (isArrayOf(place, aNumber.accepts) && (place as number[]).length === 2);
}

/**
 * The places that a text names.
 * @throws InputError that begins with `name`, such as "--memory-layers"
 */
export function parsePlaces(text: string, name: string): MemoryPlaces {
  if (text === "all") return "all";
  const places = text === "" ? [] : text.split(",");
  return places.map((place) => {
    const [, layer, head] = /^(\d{1,5})(?::(\d{1,5}))?$/.exec(place.trim()) ?? [];
    if (layer !== undefined) return head === undefined ? Number(layer) : [Number(layer), Number(head)];
    throw new InputError(
      `${name}: "${place}" is neither a layer, such as 18, nor a layer and one of its kv heads, such as 18:2`,
    );
  });
}

/**
 * The heads at these places, in ascending order. A head that is named twice counts once. `source`: what names them, for messages.
 * @throws InputError for a layer or head that does not exist, or cannot remember
 */
export function headsAt(
  architecture: Architecture,
  places: MemoryPlaces,
  source = "memory layers",
): ReadingSettings["memoryHeads"] {
  check("memoryLayers", places, somePlaces);
  const all = allMemoryHeads(architecture);
  if (places === "all") return all;
  const named = places.map((place): readonly [layer: number, keyHead?: number] => {
    return typeof place === "number" ? [place] : place;
  });
  for (const place of named) requirePlace(architecture, source, ...place);
  return all.filter(([layer, head]) => named.some(([at, only = head]) => at === layer && only === head));
}

function requirePlace(architecture: Architecture, source: string, layer: number, head?: number): void {
  const { layers, keyHeads, windows } = architecture;
  if (layer >= layers) {
    throw new InputError(`${source}: there is no layer ${layer}; the model has layers 0 to ${layers - 1}`);
  }
  if (head !== undefined && head >= keyHeads) {
    throw new InputError(
      `${source}: layer ${layer} has no kv head ${head}; a layer has the kv heads 0 to ${keyHeads - 1}`,
    );
  }
  if (sees(architecture, layer)) return;
  throw new InputError(
    `${source}: layer ${layer} sees only ${windows[layer]} tokens by design, so it can have no memory`,
  );
}

/** Heads as `parsePlaces` reads them, in ascending order; a layer all of whose kv heads are there is named alone. */
export function placesOf({ keyHeads }: Pick<Architecture, "keyHeads">, heads: ReadingSettings["memoryHeads"]): string {
  const layers = [...new Set(heads.map(([layer]) => layer))].sort((a, b) => a - b);
  const named = layers.map((layer) => {
    const own = heads.filter(([at]) => at === layer).map(([, head]) => head);
    if (own.length === keyHeads) return `${layer}`;
    return own
      .sort((a, b) => a - b)
      .map((head) => `${layer}:${head}`)
      .join(",");
  });
  return named.join(",");
}
