/**
 * The size that `xz -9e` would give to some bytes, for a line to beat: LZMA's costs along the best path that a search of xz's kind
 * finds (matches, repeated distances, literals; all places between two that every good path passes are weighed together).
 * test/report/xz/xz-size.test.ts compares it with xz itself.
 */
import { LEAST, LzmaModel, MOST, stateAfter } from "./lzma-model.ts";
import { MatchFinder } from "./match-finder.ts";

/** Places that are weighed together at most. */
const HORIZON = 4096;
/** Estimates of lengths and slots are brought up to date after so many bytes. */
const REFRESH = 256;
/** Headers, checksum, index and footer of a file with one block, and headers and endings of each 64 KiB in it. */
const FILE_BYTES = 60;
const CHUNK = 65_536;
const CHUNK_BYTES = 11;

/** Steps of a path: a literal, a single byte of the last distance, that distance again (0 to 3), or a match (4 + its distance). */
const LITERAL = -2;
const BYTE = -1;
const MATCH = 4;

/** The size that `xz -9e` would give to some bytes. Each call of `advance` weighs some more of them. */
export class XzSize {
  private readonly bytes: Uint8Array;
  private readonly model = new LzmaModel();
  private readonly finder: MatchFinder;
  private at = 0;
  private bits = 0;
  private refreshed = -REFRESH;
  /** Of the places from `at` on: what the best path costs, the place and step it comes from, the state and distances there. */
  private readonly costs = new Float64Array(HORIZON + MOST + 1);
  private readonly origins = new Int32Array(HORIZON + MOST + 1);
  private readonly steps = new Int32Array(HORIZON + MOST + 1);
  private readonly states = new Uint8Array(HORIZON + MOST + 1);
  private readonly distances = new Int32Array(4 * (HORIZON + MOST + 1));

  /** Begins with the first of `bytes`. */
  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.finder = new MatchFinder(bytes);
  }

  /** Whether all bytes are weighed. */
  get complete(): boolean {
    return this.at === this.bytes.length;
  }

  /** The size of the file, if it ended where `advance` has come to. */
  get size(): number {
    const packed = this.bits / 8;
    return Math.round(FILE_BYTES + CHUNK_BYTES * Math.ceil(packed / CHUNK) + packed);
  }

  /** Weighs the next bytes, some dozens to thousands of them. */
  advance(): void {
    if (this.complete) return;
    if (this.at - this.refreshed >= REFRESH) {
      this.model.refresh();
      this.refreshed = this.at;
    }
    this.costs.fill(Number.POSITIVE_INFINITY);
    this.costs[0] = 0;
    for (let place = 0, far = 0; ; place++) {
      if (place > 0) this.arrive(place);
      const isAlone = place > 0 && place === far; // every path passes here
      if (isAlone || place === HORIZON) {
        this.take(place);
        return;
      }
      far = Math.max(far, this.leave(place));
      const longest = this.longest(place);
      if (longest !== undefined) {
        this.take(place, longest);
        return;
      }
    }
  }

  /** The state and the distances at a place, from the best step to it. */
  private arrive(place: number): void {
    const origin = this.origins[place];
    const step = this.steps[place];
    this.states[place] = nextState(this.states[origin], step);
    this.distances.copyWithin(4 * place, 4 * origin, 4 * origin + 4);
    if (step > 0) this.moveToFront(4 * place, step);
  }

  /** Puts the distance of a step first: one of the last four, or a new one, for which the oldest is forgotten. */
  private moveToFront(begin: number, step: number): void {
    const { distances } = this;
    const first = step < MATCH ? distances[begin + step] : step - MATCH;
    for (let i = Math.min(step, 3); i > 0; i--) distances[begin + i] = distances[begin + i - 1];
    distances[begin] = first;
  }

  /** Weighs every step from a place. Returns the farthest place that one leads to. */
  private leave(place: number): number {
    const at = this.at + place;
    const state = this.states[place];
    const first = this.distances[4 * place];
    const most = Math.min(MOST, this.bytes.length - at);
    this.step(place, 1, this.literalCost(at, state, first), LITERAL);
    if (first < at && this.bytes[at - first - 1] === this.bytes[at]) {
      this.step(place, 1, this.model.repeat(state, at, 0, false), BYTE);
    }
    const repeated = this.leaveByRepeats(place, most);
    this.finder.find(at);
    const { lengths, distances } = this.finder;
    const begun = this.model.match(state, at);
    let length = LEAST;
    for (const [i, longest] of lengths.entries()) {
      const cost = begun + this.model.belowSlot(distances[i]);
      for (; length <= longest; length++) {
        const more = this.model.lengthEstimate(false, at, length) + this.model.slotEstimate(distances[i], length);
        this.step(place, length, cost + more, MATCH + distances[i]);
      }
    }
    return place + Math.max(1, repeated, lengths.at(-1) ?? 0);
  }

  /** Weighs the steps by the last four distances. Returns the longest. */
  private leaveByRepeats(place: number, most: number): number {
    const at = this.at + place;
    let longest = 0;
    for (let which = 0; which < 4; which++) {
      const distance = this.distances[4 * place + which];
      if (distance >= at) continue;
      const length = this.finder.same(at - distance - 1, at, most);
      if (length < LEAST) continue;
      const cost = this.model.repeat(this.states[place], at, which, true);
      for (let l = LEAST; l <= length; l++) this.step(place, l, cost + this.model.lengthEstimate(true, at, l), which);
      longest = Math.max(longest, length);
    }
    return longest;
  }

  /** A step of the greatest length from a place, which is taken without weighing others; undefined if there is none. */
  private longest(place: number): number | undefined {
    const end = place + MOST;
    return this.origins[end] === place && this.costs[end] < Number.POSITIVE_INFINITY ? this.steps[end] : undefined;
  }

  /** Takes a step into the best path to its end, if none that came before is as cheap. */
  private step(place: number, length: number, cost: number, step: number): void {
    const end = place + length;
    const sum = this.costs[place] + cost;
    if (sum >= this.costs[end]) return;
    this.costs[end] = sum;
    this.origins[end] = place;
    this.steps[end] = step;
  }

  /** Takes the best path to a place, and perhaps one step more of the greatest length; the model learns from it. */
  private take(place: number, more?: number): void {
    const path: [place: number, length: number, step: number][] = more === undefined ? [] : [[place, MOST, more]];
    for (let end = place; end > 0; end = this.origins[end]) {
      path.unshift([this.origins[end], end - this.origins[end], this.steps[end]]);
    }
    this.model.learns = true;
    for (const [begin, length, step] of path) this.bits += this.cost(begin, length, step);
    this.model.learns = false;
    const end = more === undefined ? place : place + MOST;
    if (more !== undefined) {
      this.arrive(end);
      for (let skipped = place + 1; skipped < end; skipped++) this.finder.enter(this.at + skipped);
    }
    this.states[0] = this.states[end];
    this.distances.copyWithin(0, 4 * end, 4 * end + 4);
    this.at += end;
  }

  /** What a step costs by now. */
  private cost(place: number, length: number, step: number): number {
    const at = this.at + place;
    const state = this.states[place];
    if (step === LITERAL) return this.literalCost(at, state, this.distances[4 * place]);
    if (step === BYTE) return this.model.repeat(state, at, 0, false);
    if (step < MATCH) return this.model.repeat(state, at, step, true) + this.model.length(true, at, length);
    const begun = this.model.match(state, at) + this.model.length(false, at, length);
    return begun + this.model.distance(step - MATCH, length);
  }

  /** Bits of a literal after the byte before it and beside the byte at the last distance. */
  private literalCost(at: number, state: number, distance: number): number {
    return this.model.literal(state, at, this.bytes[at - 1] ?? 0, this.bytes[at], this.bytes[at - distance - 1] ?? 0);
  }
}

function nextState(state: number, step: number): number {
  if (step === LITERAL) return stateAfter.literal(state);
  if (step === BYTE) return stateAfter.byte(state);
  return step < MATCH ? stateAfter.repeat(state) : stateAfter.match(state);
}
