/**
 * The segments of a memory that one process holds, and its answers. It knows nothing of models or networks: bytes come in, and bytes
 * go out. What it answers about a segment never changes.
 */
import { tensor } from "../../autodiff/tensor.ts";
import { InputError } from "../../base/errors.ts";
import type { Releasable } from "../../base/lifetime.ts";
import { MOST_BYTES } from "../../cluster/exchange.ts";
import type { Manifest, Segment } from "../../cluster/memory/manifest.ts";
import { heap } from "../../wasm/runtime.ts";
import type { MemorySnapshot } from "../snapshot.ts";
import type { SourceTable } from "../source-table.ts";
import { mergeBest } from "./best-lists.ts";
import { sourcesBetween } from "./cut.ts";
import { mergeParts } from "./partial-attention.ts";
import * as protocol from "./protocol.ts";
import { chosenIn, pick } from "./retrieved-lists.ts";
import { SegmentStore, storeBytes } from "./segment-store.ts";

/** Milliseconds for which a segment is answered for after it was dropped, for those who read an older manifest. */
const GRACE = 60_000;
/** Bytes of the heap that lookups need. */
const LOOKUP_ROOM = 2 ** 27;

interface Held {
  readonly stores: ReadonlyMap<number, SegmentStore>;
  readonly sources: SourceTable | undefined;
}

/** A segment, and when the manifest last had it. */
interface Placed extends Held {
  readonly segment: Segment;
  readonly seen: number;
}

export class Shard implements Releasable, protocol.Heads {
  /** Under this name questions come that only this process can answer. */
  readonly server = crypto.randomUUID();
  /** H */
  readonly heads: number;
  /** D */
  readonly width: number;
  /** Segments that are held, by name, and those of them that were ever in the manifest, oldest first. */
  private readonly held = new Map<string, Held>();
  private placed: readonly Placed[] = [];

  constructor({ heads, width }: protocol.Heads) {
    this.heads = heads;
    this.width = width;
  }

  /** Pairs that are served, in each layer and head. */
  get pairs(): number {
    return this.placed.reduce((sum, { segment }) => sum + segment.pairs, 0);
  }

  /** Holds the pairs of a segment. They are served as soon as a manifest has them. @throws InputError if they do not fit into the heap */
  hold(name: string, { layers, sources }: MemorySnapshot): void {
    if (this.held.has(name)) return;
    const { heads, width } = this;
    const needed = [...layers.values()].reduce((sum, contents) => sum + storeBytes(contents, heads, width), 0);
    const left = heap.bytesAvailable - LOOKUP_ROOM;
    if (needed > left) {
      throw new InputError(
        `a segment needs ${needed} bytes, and ${left} are left of the 4 GiB that one process can hold; ` +
          "serve the files by more processes, with --share",
      );
    }
    const stores = new Map<number, SegmentStore>();
    this.held.set(name, { stores, sources });
    for (const [layer, contents] of layers) stores.set(layer, new SegmentStore(contents, heads, width));
  }

  /** Follows the manifest, which was read at `now` milliseconds: learns the numbers of segments, and drops those that are forgotten. */
  follow(manifest: Manifest, now = performance.now()): void {
    const listed = manifest.segments.flatMap((segment) => {
      const held = this.held.get(segment.name);
      return held === undefined ? [] : [{ ...held, segment, seen: now }];
    });
    const names = new Set(listed.map(({ segment }) => segment.name));
    const dropped = this.placed.filter(({ segment }) => !names.has(segment.name));
    for (const { segment, stores, seen } of dropped) {
      if (now - seen < GRACE || !this.held.delete(segment.name)) continue;
      for (const store of stores.values()) store.release();
    }
    this.placed = [...dropped.filter(({ segment }) => this.held.has(segment.name)), ...listed];
  }

  /** The answer to a message; undefined if it is about segments of others. Call it in a step. */
  answer(message: Uint8Array): Uint8Array | undefined {
    try {
      const { kind, question } = protocol.readQuestion(message, this);
      if (kind === "score") return this.score(question);
      return kind === "attend" ? this.attend(question) : this.trace(question);
    } catch (error) {
      if (error instanceof InputError) return protocol.encodeError(error.message);
      throw error;
    }
  }

  private score({ layer, from, to, topk, values, queries }: protocol.Scoring): Uint8Array | undefined {
    const searched = this.placed.filter(({ segment }) => segment.number >= from && segment.number < to);
    if (searched.length === 0) return undefined;
    const n = queries.length / this.heads / this.width;
    const lists = n * this.heads;
    const length = Math.min(
      topk,
      searched.reduce((sum, { segment }) => sum + segment.pairs, 0),
    );
    if (lists * length * (values ? 12 + 4 * this.width : 12) > MOST_BYTES)
      throw new InputError(`${n} queries for ${topk} pairs have no room in an answer`);
    const asked = tensor(queries, [1, n, this.heads * this.width]);
    const found = searched.map(({ stores, segment }) =>
      storeOf(stores, layer).best(asked, topk, segment.first, values),
    );
    const covers = searched.map(({ segment }) => String(segment.number));
    return protocol.encodeScores({ server: this.server, covers }, mergeBest(found, lists, length));
  }

  private attend({ layer, scales, retrieved }: protocol.Attending): Uint8Array {
    const lists = retrieved.counts.length;
    const at = tensor(scales).ptr;
    let found = 0;
    const parts = this.placed.flatMap(({ stores, segment: { first, pairs } }) => {
      const own = pick(retrieved, (pair) => Number.isInteger(pair) && pair >= first && pair < first + pairs);
      found += own.pairs.length;
      if (own.pairs.length === 0) return [];
      return [
        storeOf(stores, layer).attend(
          at,
          chosenIn(own, (pair) => pair - first),
        ),
      ];
    });
    if (found !== retrieved.pairs.length) throw new InputError("not all of the pairs to attend to are held here");
    return protocol.encodeAttended(this.server, mergeParts(parts, scales, lists, this.width));
  }

  private trace({ segment: number, from, to }: protocol.Tracing): Uint8Array | undefined {
    const placed = this.placed.find(({ segment }) => segment.number === number);
    if (placed === undefined) return undefined;
    const { segment, sources } = placed;
    if (sources === undefined) throw new InputError(`${segment.file} does not say where its pairs come from`);
    if (from > to || to > segment.pairs) throw new InputError(`segment ${number} has no pairs ${from} to ${to}`);
    return protocol.encodeSources({ server: this.server, covers: [String(number)] }, sourcesBetween(sources, from, to));
  }

  /** Frees all segments. */
  release(): void {
    for (const { stores } of this.held.values()) for (const store of stores.values()) store.release();
    this.held.clear();
    this.placed = [];
  }
}

function storeOf(stores: ReadonlyMap<number, SegmentStore>, layer: number): SegmentStore {
  const store = stores.get(layer);
  if (store === undefined) throw new InputError(`layer ${layer} has no memory`);
  return store;
}
