/**
 * The report's data in the browser: everything known about each token. Like all files of this folder it runs in the page,
 * which gets its source text (inspection-page.ts). So it uses only the browser and its neighbours here.
 */
import type { Excerpt } from "../../inspected-text.ts";
import type { EarlierToken, ReportData } from "../report-data.ts";
import { type FileOfText, placeOfLine } from "./place-of-line.ts";

/** A retrieved pair; a `token` below 0 was read before the document. */
export interface PairOfReport {
  readonly head: string;
  readonly token: number;
  readonly weight: number;
  readonly score: number;
}

export class DecodedReport {
  readonly text: string;
  readonly heads: readonly string[];
  readonly files: readonly FileOfText[];
  /** Tokens of the document. */
  readonly length: number;
  readonly nats: Float32Array;
  readonly natsWithout: Float32Array;
  private readonly ends: Uint32Array;
  private readonly lineBegins: readonly number[];
  private readonly gateColumn: Uint8Array;
  /** Offsets of each token's pairs, and the end of the last ones. */
  private readonly pairBegins: Uint32Array;
  private readonly pairHeads: Uint16Array;
  private readonly pairTokens: Int32Array;
  private readonly pairWeights: Uint16Array;
  private readonly pairScores: Int16Array;
  private readonly earlier: Readonly<Record<number, EarlierToken>>;

  constructor(data: ReportData) {
    this.text = data.text;
    this.heads = data.heads;
    this.files = data.files;
    this.ends = new Uint32Array(bytesOf(data.ends));
    this.length = this.ends.length;
    this.nats = new Float32Array(bytesOf(data.nats));
    this.natsWithout = new Float32Array(bytesOf(data.natsWithout));
    this.gateColumn = new Uint8Array(bytesOf(data.gates));
    this.pairHeads = new Uint16Array(bytesOf(data.pairHeads));
    this.pairTokens = new Int32Array(bytesOf(data.pairTokens));
    this.pairWeights = new Uint16Array(bytesOf(data.pairWeights));
    this.pairScores = new Int16Array(bytesOf(data.pairScores));
    this.earlier = data.earlier;
    const counts = new Uint8Array(bytesOf(data.counts));
    let pairs = 0;
    this.pairBegins = Uint32Array.from([0, ...counts], (count) => (pairs += count));
    this.lineBegins = [0, ...Array.from(data.text.matchAll(/\n/g), (match) => match.index + 1)];
  }

  begin(token: number): number {
    return token === 0 ? 0 : this.ends[token - 1];
  }

  end(token: number): number {
    return this.ends[token];
  }

  textOf(token: number): string {
    return token < 0 ? this.earlier[token].token : this.text.slice(this.begin(token), this.end(token));
  }

  /** Returns the nats that the memory saves. */
  gain(token: number): number {
    return this.natsWithout[token] - this.nats[token];
  }

  /** Returns the strength of a token's colour: 0 for a gain near 0, up to 5, or down to −5 if the memory does harm. */
  level(token: number): number {
    const gain = this.gain(token);
    const level = [0.1, 0.3, 1, 2, 4].filter((least) => Math.abs(gain) >= least).length;
    return gain < 0 ? -level : level;
  }

  /** From 1. */
  line(token: number): number {
    const at = this.begin(token);
    let [low, high] = [0, this.lineBegins.length];
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (this.lineBegins[middle] <= at) low = middle;
      else high = middle;
    }
    return low + 1;
  }

  place(token: number): string {
    return token < 0 ? this.earlier[token].place : placeOfLine(this.line(token), this.files);
  }

  gates(token: number): number[] {
    const width = this.heads.length;
    return Array.from(this.gateColumn.subarray(token * width, (token + 1) * width), (gate) => gate / 255);
  }

  pairs(token: number): PairOfReport[] {
    const [begin, end] = [this.pairBegins[token], this.pairBegins[token + 1]];
    return Array.from({ length: end - begin }, (_, i) => ({
      head: this.heads[this.pairHeads[begin + i]],
      token: this.pairTokens[begin + i],
      weight: this.pairWeights[begin + i] / 65535,
      score: this.pairScores[begin + i] / 32767,
    }));
  }

  excerpt(token: number, characters: number): Excerpt {
    if (token < 0) return this.earlier[token];
    const [begin, end] = [this.begin(token), this.end(token)];
    const before = this.text.slice(Math.max(0, begin - characters), begin);
    return { before, token: this.text.slice(begin, end), after: this.text.slice(end, end + characters) };
  }
}

export function bytesOf(base64: string): ArrayBuffer {
  const characters = atob(base64);
  const bytes = new Uint8Array(characters.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = characters.charCodeAt(i); // Uint8Array.from takes ten times as long
  return bytes.buffer;
}
