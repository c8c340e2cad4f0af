/** Shards of a memory in this process, and a reader that asks them by plain calls: all of a served memory but the network. */
import type { Asker, Question } from "../../../src/cluster/memory/asker.ts";
import type { Manifest } from "../../../src/cluster/memory/manifest.ts";
import type { MemoryContents } from "../../../src/memory/options.ts";
import { segmentsOf } from "../../../src/memory/served/cut.ts";
import { ServedMemory, type ServedMemoryOptions, subjectOf } from "../../../src/memory/served/served-memory.ts";
import { Shard } from "../../../src/memory/served/shard.ts";
import type { MemorySnapshot } from "../../../src/memory/snapshot.ts";
import type { SourceTable } from "../../../src/memory/source-table.ts";

export const MODEL = "m";

/** A memory of one or more layers, keys and values [H, n, D] each. */
export function snapshotOf(
  heads: number,
  width: number,
  layers: readonly MemoryContents[],
  sources?: SourceTable,
): MemorySnapshot {
  const length = layers[0].keys.length / heads / width;
  const byLayer = new Map(layers.map((contents, layer) => [layer, contents]));
  const sizes = { heads, width, size: Math.max(1, length), length, appended: length };
  return { name: "a test", model: MODEL, ...sizes, layers: byLayer, sources };
}

export class Fleet implements Asker {
  readonly name = "this test";
  /** Shards that answer; a test may take some of them out. */
  shards: Shard[];
  /** Called before every question. */
  onAsk: () => void = () => {};
  asked = 0;
  /** Segments that the last question waited for. */
  wanted: readonly string[] = [];
  private current: Manifest;

  constructor({ heads, width, layers }: MemorySnapshot, shards: number) {
    this.shards = Array.from({ length: shards }, () => new Shard({ heads, width }));
    const shape = { heads, width, layers: [...layers.keys()] };
    this.current = { ...shape, files: [], segments: [], nextNumber: 0, nextPair: 0 };
  }

  /** Appends the segments of a memory and deals them to the shards in turn; `copies` of them hold each. */
  append(snapshot: MemorySnapshot, most: number, copies = 1): this {
    for (const segment of segmentsOf(snapshot, most)) {
      const { segments, nextNumber, nextPair } = this.current;
      const name = String(nextNumber).padStart(64, "0");
      for (let copy = 0; copy < copies; copy++) {
        this.shards[(nextNumber + copy) % this.shards.length].hold(name, segment);
      }
      const added = { name, pairs: segment.length, file: "a.safetensors", number: nextNumber, first: nextPair };
      this.change({ segments: [...segments, added], nextNumber: nextNumber + 1, nextPair: nextPair + segment.length });
    }
    return this;
  }

  /** Forgets the oldest segments at `now` milliseconds; two looks at the manifest are taken. */
  forget(count: number, now = performance.now()): void {
    this.change({ segments: this.current.segments.slice(count) }, now);
  }

  reader(options: Partial<ServedMemoryOptions> = {}): ServedMemory {
    return new ServedMemory(this, this.current, { model: MODEL, patience: 10, bestEffort: false, ...options });
  }

  ask(questions: readonly Question[]): Uint8Array[][] {
    this.asked++;
    this.wanted = questions.at(-1)?.covers ?? [];
    this.onAsk();
    return questions.map(({ subject, message }) =>
      this.shards
        .filter(({ server }) => [subjectOf(MODEL), subjectOf(MODEL, server)].includes(subject))
        .flatMap((shard) => shard.answer(message) ?? []),
    );
  }

  manifest(): Manifest {
    return this.current;
  }

  release(): void {
    for (const shard of this.shards) shard.release();
  }

  private change(change: Partial<Manifest>, now?: number): void {
    this.current = { ...this.current, ...change };
    for (const shard of this.shards) shard.follow(this.current, now);
  }
}
