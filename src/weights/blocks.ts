/**
 * Weights as whole numbers of 8 or 4 bits in blocks of 32 columns, each block with a scale (assembly/weights/blocks.ts). Blocks of a
 * file keep their scales and whole numbers where they fit: 8 bits hold Q8_0, Q5_0, Q4_0 and IQ4_NL, 4 bits hold Q4_0 and Q4_1. Those
 * of Q4_K keep their whole numbers, and their scales are rounded to halves. Everything else is rounded again.
 */
import { arena } from "../autodiff/tensor.ts";
import { halfTable } from "../formats/half-floats.ts";
import { scalesOfQ4K } from "../formats/k-blocks.ts";
import { blockOf, type WeightType } from "../formats/weight-types.ts";
import type { Address } from "../wasm/heap.ts";
import { parallelWithScratch } from "../wasm/parallel.ts";
import { heap, kernels } from "../wasm/runtime.ts";
import { fasterDots } from "./faster-dots.ts";
import { type Piece, type Product, productTable, type Storage } from "./storage.ts";

const BLOCK = 32;

/** How blocks of a file give the scales of our blocks and, with 4 bits, their minimums. */
type Scales = (blocks: Uint8Array, scales: Float32Array, minimums: Float32Array) => void;

const EIGHT_BITS: Partial<Record<WeightType, Scales>> = {
  Q8_0: fromHalves("Q8_0", (d) => [d, 0]),
  Q5_0: fromHalves("Q5_0", (d) => [d, 0]),
  Q4_0: fromHalves("Q4_0", (d) => [d, 0]),
  IQ4_NL: fromHalves("IQ4_NL", (d) => [d, 0]),
};
const FOUR_BITS: Partial<Record<WeightType, Scales>> = {
  Q4_0: fromHalves("Q4_0", (d) => [d, -8 * d]),
  Q4_1: fromHalves("Q4_1", (d, m) => [d, m]),
  Q4_K: scalesOfQ4K,
};

export class BlockStorage implements Storage {
  readonly bytes: number;
  readonly address: Address;
  readonly outputs: number;
  private readonly width: number;
  private readonly four: boolean;

  static bytesFor([outputs, width]: readonly [number, number], four: boolean): number {
    return kernels.blocks_bytes(outputs, width, four);
  }

  /** `address`: that of bytesFor(shape, four) zero bytes. */
  constructor(address: Address, shape: readonly [number, number], four: boolean) {
    this.bytes = BlockStorage.bytesFor(shape, four);
    this.address = address;
    [this.outputs, this.width] = shape;
    this.four = four;
  }

  /** Two floats for each block. */
  roomFor(rows: number): number {
    return 8 * rows * Math.ceil(this.width / BLOCK);
  }

  pack({ first, rows, floats, type, bytes }: Piece, room: Address): boolean {
    const { address, width, four } = this;
    const scales = (four ? FOUR_BITS : EIGHT_BITS)[type];
    const [count, minimums] = [this.roomFor(rows) / 8, room + this.roomFor(rows) / 2];
    scales?.(bytes, heap.f32(room, count), heap.f32(minimums, count));
    const given = scales !== undefined;
    return Boolean(kernels.pack_blocks(address, first, floats, rows, width, four, room, minimums, given));
  }

  multiply(products: readonly Product[], x: Address, n: number): void {
    const { width, four } = this;
    const sum = (of: (outputs: number) => number) =>
      products.reduce((all, { storage }) => all + of(storage.outputs), 0);
    const table = productTable(products);
    const tiles = arena.allocate(kernels.activation_bytes(n, width));
    const [count, room] = [kernels.activation_tiles(n), kernels.round_activations_scratch_bytes()];
    parallelWithScratch("round_activations", count, room, tiles, x, n, width, four);
    const [units, scratch] = [sum(kernels.packed_units), kernels.packed_scratch_bytes(width)];
    const product = (fused: boolean) =>
      parallelWithScratch("packed_multiply", units, scratch, table, tiles, n, width, four, fused);
    if (four) product(false);
    else fasterDots.run(product, n, n * width * sum((outputs) => outputs));
  }

  unpack(y: Address, rows: Address, n: number): void {
    kernels.unpack_blocks(y, this.address, rows, n, this.width, this.four);
  }
}

/** Scales and minimums of blocks of 32 weights, from the two halves that each begins with. */
function fromHalves(type: WeightType, of: (first: number, second: number) => readonly [number, number]): Scales {
  const size = blockOf(type).bytes;
  return (blocks, scales, minimums) => {
    const halves = halfTable();
    for (let i = 0, at = 0; at < blocks.length; i++, at += size) {
      const first = halves[blocks[at] | (blocks[at + 1] << 8)];
      const second = halves[blocks[at + 2] | (blocks[at + 3] << 8)];
      [scales[i], minimums[i]] = of(first, second);
    }
  };
}
