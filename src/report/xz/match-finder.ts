/** Where the bytes that come next stood before: for each length the nearest place, found by hashes of two, three and four bytes. */
import { LEAST, MOST } from "./lzma-model.ts";

/** Places with the same four bytes that are looked at. */
const DEPTH = 200;
const HASH_BITS = 16;

export class MatchFinder {
  /** The matches that `find` found, of ascending lengths: distances are counted from 0. */
  readonly lengths: number[] = [];
  readonly distances: number[] = [];
  private readonly bytes: Uint8Array;
  /** The newest place of two, three and four bytes, by their hash; −1 for none. */
  private readonly twos = new Int32Array(1 << HASH_BITS).fill(-1);
  private readonly threes = new Int32Array(1 << HASH_BITS).fill(-1);
  private readonly fours = new Int32Array(1 << HASH_BITS).fill(-1);
  /** The place before with the same hash of four bytes. */
  private readonly before: Int32Array;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.before = new Int32Array(bytes.length).fill(-1);
  }

  /** Finds what stood before like the bytes at `at`, and enters that place. Every place is to be found or entered, in order. */
  find(at: number): void {
    this.lengths.length = 0;
    this.distances.length = 0;
    const [two, three, four] = this.hashes(at);
    this.offer(this.twos[two], at);
    this.offer(this.threes[three], at);
    for (let place = this.fours[four], i = 0; place >= 0 && i < DEPTH; place = this.before[place], i++) {
      this.offer(place, at);
      if (this.lengths.at(-1) === MOST) break;
    }
    this.put(at, two, three, four);
  }

  /** Enters a place where nothing is looked for. */
  enter(at: number): void {
    const [two, three, four] = this.hashes(at);
    this.put(at, two, three, four);
  }

  /** Bytes that are the same at both places, up to `most`. */
  same(place: number, at: number, most: number): number {
    let length = 0;
    while (length < most && this.bytes[place + length] === this.bytes[at + length]) length++;
    return length;
  }

  private offer(place: number, at: number): void {
    const longest = this.lengths.at(-1) ?? LEAST - 1;
    const most = Math.min(MOST, this.bytes.length - at);
    if (place < 0 || most <= longest || this.bytes[place + longest] !== this.bytes[at + longest]) return;
    const length = this.same(place, at, most);
    if (length <= longest) return;
    this.lengths.push(length);
    this.distances.push(at - place - 1);
  }

  private hashes(at: number): [two: number, three: number, four: number] {
    const { bytes } = this;
    const two = bytes[at] | (bytes[at + 1] << 8);
    const three = two ^ (bytes[at + 2] << 5);
    const four = Math.imul(two | (bytes[at + 2] << 16) | (bytes[at + 3] << 24), 0x9e3779b1) >>> (32 - HASH_BITS);
    return [two, three & 0xffff, four];
  }

  private put(at: number, two: number, three: number, four: number): void {
    this.twos[two] = at;
    this.threes[three] = at;
    this.before[at] = this.fours[four];
    this.fours[four] = at;
  }
}
