/**
 * Weights as whole numbers of 8 or 4 bits in blocks of 32 columns, each block with a scale (assembly/weights/blocks.ts). Blocks of a
 * file keep their scales and whole numbers where they fit: 8 bits hold Q8_0, Q5_0, Q4_0 and IQ4_NL, 4 bits hold Q4_0 and Q4_1.
 * Everything else is rounded anew.
 */
import { arena } from "../autodiff/arena.ts";
import { halfTable } from "../formats/half-floats.ts";
import { blockOf, type WeightType } from "../formats/weight-types.ts";
import type { Address } from "../wasm/heap.ts";
import { parallelWithScratch } from "../wasm/parallel.ts";
import { heap, kernels } from "../wasm/runtime.ts";
import { fasterDots } from "./faster-dots.ts";
import type { Piece, Storage } from "./storage.ts";

const BLOCK = 32;

/** How a block of a file gives the scale of our blocks and, with 4 bits, their minimum, from its first two halves. */
type Scales = (first: number, second: number) => readonly [scale: number, minimum: number];

const scaleAlone: Scales = (d) => [d, 0];
const EIGHT_BITS: Partial<Record<WeightType, Scales>> = {
  Q8_0: scaleAlone,
  Q5_0: scaleAlone,
  Q4_0: scaleAlone,
  IQ4_NL: scaleAlone,
};
const FOUR_BITS: Partial<Record<WeightType, Scales>> = {
  Q4_0: (d) => [d, -8 * d],
  Q4_1: (d, m) => [d, m],
};

export class BlockStorage implements Storage {
  readonly bytes: number;
  private readonly address: Address;
  private readonly outputs: number;
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
    const minimums = room + this.roomFor(rows) / 2;
    if (scales !== undefined) copyScales(scales, blockOf(type).bytes, bytes, room, minimums);
    const given = scales !== undefined;
    return Boolean(kernels.pack_blocks(address, first, floats, rows, width, four, room, minimums, given));
  }

  multiply(y: Address, x: Address, n: number, bias: Address): void {
    const { address, outputs, width, four } = this;
    const tiles = arena.allocate(kernels.activation_bytes(n, width));
    const [count, room] = [kernels.activation_tiles(n), kernels.activation_scratch_bytes()];
    parallelWithScratch("round_activations", count, room, tiles, x, n, width, four);
    const [units, scratch] = [kernels.packed_units(outputs), kernels.packed_scratch_bytes(width)];
    const product = (fused: boolean) =>
      parallelWithScratch("packed_multiply", units, scratch, y, tiles, n, address, bias, outputs, width, four, fused);
    if (four) product(false);
    else fasterDots.run(product, n, n * outputs * width);
  }

  unpack(y: Address, rows: Address, n: number): void {
    kernels.unpack_blocks(y, this.address, rows, n, this.width, this.four);
  }
}

/** Writes the scales and minimums of all blocks in `bytes` as floats. */
function copyScales(
  scales: Scales,
  blockBytes: number,
  bytes: Uint8Array,
  toScales: Address,
  toMinimums: Address,
): void {
  const halves = halfTable();
  const count = bytes.length / blockBytes;
  const [allScales, allMinimums] = [heap.f32(toScales, count), heap.f32(toMinimums, count)];
  for (let i = 0, at = 0; i < count; i++, at += blockBytes) {
    const first = halves[bytes[at] | (bytes[at + 1] << 8)];
    const second = halves[bytes[at + 2] | (bytes[at + 3] << 8)];
    [allScales[i], allMinimums[i]] = scales(first, second);
  }
}
