/**
 * Weights as half floats, or as brain floats (the upper half of a float), row by row as files have them: half the bytes of floats.
 * They are exact; products of two to eight rows differ in the last bits from those with the floats that they stand for.
 */
import type { Address } from "../wasm/heap.ts";
import { parallelWithScratch } from "../wasm/parallel.ts";
import { heap, kernels } from "../wasm/runtime.ts";
import { type Piece, type Product, productTable, type Storage } from "./storage.ts";

/** The largest half, and the number from which on a float is rounded to an infinite brain float: 2¹²⁸ − 2¹¹⁹. */
const MOST_HALF = 65504;
const BEYOND_BRAIN = 2 ** 128 - 2 ** 119;

export class HalfStorage implements Storage {
  readonly bytes: number;
  readonly address: Address;
  readonly outputs: number;
  private readonly width: number;
  private readonly brain: boolean;

  static bytesFor([outputs, width]: readonly [number, number]): number {
    return 2 * outputs * width;
  }

  /** `address`: that of bytesFor(shape) bytes. */
  constructor(address: Address, shape: readonly [number, number], brain: boolean) {
    this.bytes = HalfStorage.bytesFor(shape);
    this.address = address;
    [this.outputs, this.width] = shape;
    this.brain = brain;
  }

  roomFor(): number {
    return 0;
  }

  pack({ first, rows, floats }: Piece): boolean {
    const { address, width, brain } = this;
    const count = rows * width;
    if (!kernels.all_finite(floats, count)) return false;
    const isBeyond = brain
      ? (number: number) => Math.abs(number) >= BEYOND_BRAIN
      : (number: number) => Math.abs(number) > MOST_HALF;
    if (heap.f32(floats, count).some(isBeyond)) return false;
    kernels[brain ? "pack_brain" : "pack_half"](address + 2 * first * width, floats, count);
    return true;
  }

  multiply(products: readonly Product[], x: Address, n: number): void {
    const { width, brain } = this;
    const units = products.reduce((sum, { storage }) => sum + kernels.halves_units(storage.outputs), 0);
    const scratch = kernels.halves_scratch_bytes(width);
    parallelWithScratch("halves_multiply", units, scratch, productTable(products), x, n, width, brain);
  }

  unpack(y: Address, rows: Address, n: number): void {
    kernels.unpack_halves(y, this.address, rows, n, this.width, this.brain);
  }
}
