/**
 * The seeded generator behind parameter initialisation, document order and sampling: sfc32 (Chris Doty-Humphrey, PractRand).
 *
 * Its state is four integers that a checkpoint can keep, so a resumed run draws the same numbers. Dropout has a generator
 * of its own, counter-based, inside the kernels. Not for cryptography.
 */
import { aSeed, check, isArrayOf, type Kind, whole } from "./check.ts";
import { cos, log } from "./portable-math.ts";

/** The whole state of a generator, as JSON can keep it. */
export type RandomState = readonly [number, number, number, number];

const isWord = whole(0, 2 ** 32 - 1).accepts;
export const aRandomState: Kind = {
  what: "an array of four whole numbers below 2^32",
  accepts: (value) => isArrayOf(value, isWord) && (value as unknown[]).length === 4,
};

/** Random numbers that are the same on every machine for the same seed. */
export class Random {
  private a = 0;
  private b = 0;
  private c = 0;
  private counter = 1;

  /**
   * Starts the sequence of a seed.
   * @param seed a whole number from 0 on
   */
  constructor(seed: number) {
    check("seed", seed, aSeed);
    this.a = seed >>> 0;
    this.b = Math.floor(seed / 2 ** 32) >>> 0;
    for (let i = 0; i < 16; i++) this.uint32();
  }

  /** Continues from a state that `state` returned. */
  static from(state: RandomState): Random {
    check("state", state, aRandomState);
    const random = new Random(0);
    [random.a, random.b, random.c, random.counter] = state;
    return random;
  }

  /** The place in the sequence, from which `from` continues. */
  state(): RandomState {
    return [this.a, this.b, this.c, this.counter];
  }

  /** Uniform over the integers 0 to 2³² − 1. */
  uint32(): number {
    const sum = (this.a + this.b + this.counter) >>> 0;
    this.counter = (this.counter + 1) >>> 0;
    this.a = (this.b ^ (this.b >>> 9)) >>> 0;
    this.b = (this.c + (this.c << 3)) >>> 0;
    this.c = (((this.c << 21) | (this.c >>> 11)) + sum) >>> 0;
    return sum;
  }

  /** Uniform over [0, 1), 32 bits. */
  next(): number {
    return this.uint32() / 2 ** 32;
  }

  /** Normal, mean 0 and variance 1 (Box and Muller; one of the pair is dropped, so that the state stays four integers). */
  normal(): number {
    const radius = Math.sqrt(-2 * log(1 - this.next()));
    return radius * cos(2 * Math.PI * this.next());
  }
}
