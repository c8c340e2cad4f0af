/** The ring: a memory of few pairs, into which the tokens of the text go four at a time. The pairs are numbers without a meaning here. */
import { heap, KvMemory } from "memorizing-transformer";
import type { Slot } from "../../engine/figures.ts";
import type { Subject } from "./subject.ts";

/** Pairs of a segment. */
const SEGMENT = 4;
const WIDTH = 1;

export function ringFigure({ tokenizer, past }: Subject, { size, count }: { size: number; count: number }): Slot[] {
  using memory = new KvMemory({ rows: 1, heads: 1, width: WIDTH, size, segment: SEGMENT }, { kind: "exact" });
  const pairs = heap.allocate(2 * SEGMENT * WIDTH * 4); // keys, then values
  try {
    heap.f32(pairs, 2 * SEGMENT * WIDTH).fill(1);
    for (let written = 0; written < count; written += SEGMENT) {
      memory.append(0, pairs, pairs + SEGMENT * WIDTH * 4, Math.min(SEGMENT, count - written));
    }
    return Array.from({ length: memory.capacity }, (_, slot) => {
      const serial = memory.serial(0, slot);
      const text = serial < 0 ? "" : tokenizer.decode(past.subarray(serial, serial + 1));
      return { serial, text, visible: serial >= 0 && serial >= count - memory.length(0) };
    });
  } finally {
    heap.release(pairs);
  }
}
