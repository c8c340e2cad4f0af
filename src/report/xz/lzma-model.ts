/**
 * What LZMA pays for a literal or a match: its adaptive model (Igor Pavlov's, with xz's presets lc = 3, lp = 0, pb = 2), which
 * learns from everything that is coded. Only bits are counted; none are written.
 */

/** Probabilities of a 0, in 2048ths; after each bit they move by a 32nd of the way. */
const ONE = 2048;
const RATE = 5;
/** Bits that an event of a probability costs. */
const COSTS = Float32Array.from({ length: ONE + 1 }, (_, p) => -Math.log2(p / ONE));

/** Lengths of matches. */
export const LEAST = 2;
export const MOST = 273;
const LENGTHS = MOST - LEAST + 1;
/** Places in a text are told apart by their last two bits. */
const PLACES = 4;
const STATES = 12;
/** States from here on follow a match: the byte that the match would have had next is a hint for a literal. */
const AFTER_MATCH = 7;

/** Where each part of the model has its probabilities. */
const IS_MATCH = 0;
const IS_REPEAT = IS_MATCH + STATES * PLACES;
const IS_FIRST = IS_REPEAT + STATES;
const IS_SECOND = IS_FIRST + STATES;
const IS_THIRD = IS_SECOND + STATES;
const IS_LONG = IS_THIRD + STATES;
/** A length: two choices, trees for the short ones by place, one for the long ones. */
const LENGTH_OF_MATCH = IS_LONG + STATES * PLACES;
const MIDDLE = 2 + 8 * PLACES;
const HIGH = MIDDLE + 8 * PLACES;
const LENGTH_OF_REPEAT = LENGTH_OF_MATCH + HIGH + 256;
/** A distance: its slot, which has its two highest bits, by length; then the rest. */
const SLOT = LENGTH_OF_REPEAT + HIGH + 256;
const SLOTS = 64;
const REST = SLOT + 4 * SLOTS;
const FIRST_DIRECT_SLOT = 14;
const ALIGN = REST + FIRST_DIRECT_SLOT * 32;
const LITERAL = ALIGN + 16;
const SIZE = LITERAL + 8 * 0x300;

export class LzmaModel {
  /** Whether costs are also learned from. */
  learns = false;
  private readonly chances = new Uint16Array(SIZE).fill(ONE / 2);
  /** Costs of lengths, [place][length], as they were at the last `refresh`, and of slots, [length][slot]. */
  private readonly matchLengths = new Float32Array(PLACES * LENGTHS);
  private readonly repeatLengths = new Float32Array(PLACES * LENGTHS);
  private readonly slots = new Float32Array(4 * SLOTS);

  /** A byte that is spelled out. `hint` is the byte that a match would have had there. */
  literal(state: number, at: number, before: number, byte: number, hint: number): number {
    const cost = this.bit(IS_MATCH + state * PLACES + (at % PLACES), 0);
    const tree = LITERAL + (before >> 5) * 0x300;
    if (state < AFTER_MATCH) return cost + this.tree(tree, 8, byte);
    let [sum, node, same] = [cost, 1, true];
    for (let i = 7; i >= 0; i--) {
      const bit = (byte >> i) & 1;
      const hinted = (hint >> i) & 1;
      sum += this.bit(tree + (same ? 0x100 + (hinted << 8) : 0) + node, bit);
      same &&= bit === hinted;
      node = 2 * node + bit;
    }
    return sum;
  }

  /** That one of the last four distances comes again, number `which`; `isLong` tells a match from a single byte. */
  repeat(state: number, at: number, which: number, isLong: boolean): number {
    const place = state * PLACES + (at % PLACES);
    const cost = this.bit(IS_MATCH + place, 1) + this.bit(IS_REPEAT + state, 1);
    if (which === 0) return cost + this.bit(IS_FIRST + state, 0) + this.bit(IS_LONG + place, Number(isLong));
    const other = cost + this.bit(IS_FIRST + state, 1);
    if (which === 1) return other + this.bit(IS_SECOND + state, 0);
    return other + this.bit(IS_SECOND + state, 1) + this.bit(IS_THIRD + state, which - 2);
  }

  /** That a match with a distance of its own comes. */
  match(state: number, at: number): number {
    return this.bit(IS_MATCH + state * PLACES + (at % PLACES), 1) + this.bit(IS_REPEAT + state, 0);
  }

  /** The length of a match, or of a repeated one. */
  length(isRepeat: boolean, at: number, length: number): number {
    const base = isRepeat ? LENGTH_OF_REPEAT : LENGTH_OF_MATCH;
    const [rest, place] = [length - LEAST, at % PLACES];
    if (rest < 8) return this.bit(base, 0) + this.tree(base + 2 + 8 * place, 3, rest);
    const cost = this.bit(base, 1);
    if (rest < 16) return cost + this.bit(base + 1, 0) + this.tree(base + MIDDLE + 8 * place, 3, rest - 8);
    return cost + this.bit(base + 1, 1) + this.tree(base + HIGH, 8, rest - 16);
  }

  /** A distance, counted from 0. */
  distance(distance: number, length: number): number {
    const slot = slotOf(distance);
    return this.tree(SLOT + SLOTS * lengthClass(length), 6, slot) + this.belowSlot(distance, slot);
  }

  /** Brings the tables behind `lengthEstimate` and `distanceEstimate` up to date. */
  refresh(): void {
    for (let place = 0; place < PLACES; place++) {
      for (let i = 0; i < LENGTHS; i++) {
        this.matchLengths[place * LENGTHS + i] = this.length(false, place, i + LEAST);
        this.repeatLengths[place * LENGTHS + i] = this.length(true, place, i + LEAST);
      }
    }
    for (let i = 0; i < this.slots.length; i++) {
      this.slots[i] = this.tree(SLOT + SLOTS * Math.floor(i / SLOTS), 6, i % SLOTS);
    }
  }

  /** The cost of a length at the last `refresh`. */
  lengthEstimate(isRepeat: boolean, at: number, length: number): number {
    return (isRepeat ? this.repeatLengths : this.matchLengths)[(at % PLACES) * LENGTHS + length - LEAST];
  }

  /** The cost of a distance's slot at the last `refresh`. */
  slotEstimate(distance: number, length: number): number {
    return this.slots[SLOTS * lengthClass(length) + slotOf(distance)];
  }

  /** The bits of a distance that its slot leaves open. */
  belowSlot(distance: number, slot: number = slotOf(distance)): number {
    if (slot < 4) return 0;
    const bits = (slot >> 1) - 1;
    const rest = distance - ((2 | (slot & 1)) << bits);
    if (slot < FIRST_DIRECT_SLOT) return this.reversedTree(REST + 32 * slot, bits, rest);
    return bits - 4 + this.reversedTree(ALIGN, 4, rest & 15);
  }

  private tree(base: number, bits: number, symbol: number): number {
    let [cost, node] = [0, 1];
    for (let i = bits - 1; i >= 0; i--) {
      const bit = (symbol >> i) & 1;
      cost += this.bit(base + node, bit);
      node = 2 * node + bit;
    }
    return cost;
  }

  /** The same, lowest bit first. */
  private reversedTree(base: number, bits: number, symbol: number): number {
    let [cost, node] = [0, 1];
    for (let i = 0; i < bits; i++) {
      const bit = (symbol >> i) & 1;
      cost += this.bit(base + node, bit);
      node = 2 * node + bit;
    }
    return cost;
  }

  private bit(at: number, bit: number): number {
    const chance = this.chances[at];
    if (this.learns) this.chances[at] = bit === 0 ? chance + ((ONE - chance) >> RATE) : chance - (chance >> RATE);
    return COSTS[bit === 0 ? chance : ONE - chance];
  }
}

/** The state behind a literal, a match, a repeated match, and a repeated byte. */
export const stateAfter = {
  literal: (state: number): number => (state < 4 ? 0 : state < 10 ? state - 3 : state - 6),
  match: (state: number): number => (state < AFTER_MATCH ? 7 : 10),
  repeat: (state: number): number => (state < AFTER_MATCH ? 8 : 11),
  byte: (state: number): number => (state < AFTER_MATCH ? 9 : 11),
};

function lengthClass(length: number): number {
  return Math.min(length - LEAST, 3);
}

function slotOf(distance: number): number {
  if (distance < 4) return distance;
  const high = 31 - Math.clz32(distance);
  return 2 * high + ((distance >> (high - 1)) & 1);
}
