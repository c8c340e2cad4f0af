/**
 * The keys and values of one layer that are still in the window, and of the segment being read. Local attention reads keys as they
 * were rotated; what leaves the window is remembered without rotation, so those keys are kept next to them.
 */
import { extendContext } from "../autodiff/ops/attention.ts";
import { type PersistentTensor, persistentTensor, type Tensor } from "../autodiff/tensor.ts";
import { allOrNothing, type Own, type Releasable } from "../base/lifetime.ts";
import { kernels } from "../wasm/runtime.ts";

/** Which pairs a layer keeps besides those that local attention reads. */
export type Kept =
  /** None: nothing is remembered. */
  | "none"
  /** Keys without their rotation; values are the same. */
  | "keys"
  /** Keys and values: those in the window are computed again and again, but remembered as they were first. */
  | "pairs";

/** The pairs of a token. `turned` is the rotated key; without rotation, the key. */
export interface TokenPairs {
  readonly key: Tensor;
  readonly turned: Tensor;
  readonly value: Tensor;
}

/** Buffers [B, capacity, KV·D]. */
interface Buffers {
  readonly keys: PersistentTensor;
  readonly values: PersistentTensor;
  readonly keptKeys: PersistentTensor;
  readonly keptValues: PersistentTensor;
}

/** A layer's buffers, which grow until they have room for a window and a segment. */
export class LayerContext implements Releasable {
  private readonly kept: Kept;
  private buffers: Buffers;
  private capacityNow: number;
  private readonly rows: number;
  /** KV·D. */
  private readonly width: number;

  constructor(rows: number, capacity: number, width: number, kept: Kept) {
    this.rows = rows;
    this.width = width;
    this.kept = kept;
    this.capacityNow = capacity;
    this.buffers = this.allocate(capacity);
  }

  private allocate(capacity: number): Buffers {
    const buffer = (own: Own) => own(persistentTensor([this.rows, capacity, this.width]));
    return allOrNothing((own) => {
      const [keys, values] = [buffer(own), buffer(own)];
      const keptKeys = this.kept === "none" ? keys : buffer(own);
      return { keys, values, keptKeys, keptValues: this.kept === "pairs" ? buffer(own) : values };
    });
  }

  /** Tokens that there is room for. */
  get capacity(): number {
    return this.capacityNow;
  }

  /** What local attention reads. */
  get keys(): Tensor {
    return this.buffers.keys;
  }

  /** What local attention reads. */
  get values(): Tensor {
    return this.buffers.values;
  }

  /** Where what is remembered lies. */
  get remembered(): { readonly keys: Tensor; readonly values: Tensor } {
    return { keys: this.buffers.keptKeys, values: this.buffers.keptValues };
  }

  /** The buffers by name; one that is two is there once. */
  get named(): [name: string, buffer: PersistentTensor][] {
    const all: [string, PersistentTensor][] = Object.entries(this.buffers);
    return all.filter(([, buffer], i) => all.findIndex(([, other]) => other === buffer) === i);
  }

  /** Whether what would be remembered of `count` tokens from `token` on is finite in a row. */
  isFinite(row: number, token: number, count: number): boolean {
    const at = this.at(row, token);
    const { keys, values } = this.remembered;
    return [keys, values].every(({ ptr }) => kernels.all_finite(ptr + at, count * this.width));
  }

  /** Writes tokens at `past`. Those that are read again are not kept a second time. */
  extend(past: number, { key, turned, value }: TokenPairs, again: boolean): void {
    const { capacity, kept } = this;
    const place = { capacity, past, first: new Int32Array(0), window: 0 };
    extendContext({ ...place, keys: this.keys, values: this.values }, turned, value);
    if (kept !== "none" && !again) extendContext({ ...place, ...this.remembered }, key, value);
  }

  /** Makes room for `capacity` tokens. */
  grow(capacity: number): void {
    const [old, larger] = [this.buffers, this.allocate(capacity)];
    for (const name of ["keys", "values", "keptKeys", "keptValues"] as const) {
      for (let row = 0; row < this.rows; row++) {
        kernels.move(larger[name].ptr + this.at(row, 0, capacity), old[name].ptr + this.at(row, 0), this.at(1, 0));
      }
    }
    for (const buffer of new Set(Object.values(old))) buffer.release();
    this.buffers = larger;
    this.capacityNow = capacity;
  }

  /** Moves the tokens [from, to) to the beginning. */
  roll(from: number, to: number): void {
    for (const { ptr } of new Set(Object.values(this.buffers))) {
      for (let row = 0; row < this.rows; row++) {
        kernels.move(ptr + this.at(row, 0), ptr + this.at(row, from), this.at(0, to - from));
      }
    }
  }

  /** Bytes from the beginning of a buffer to a token of a row. */
  at(row: number, token: number, capacity = this.capacityNow): number {
    return (row * capacity + token) * this.width * 4;
  }

  /** Frees the buffers. */
  release(): void {
    for (const buffer of new Set(Object.values(this.buffers))) buffer.release();
  }
}
