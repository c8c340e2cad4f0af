/** A report that grows while the model reads: losses by size of memory, and what was asked about one token. */
import { type Excerpt, type ShownPair, type ShownReport, TokenText } from "memorizing-transformer/report";
import type { Details, ReadingNews } from "../engine/calls.ts";

type Described = Extract<ReadingNews, { kind: "document" }>;

/** The losses with one size of memory. */
interface Losses {
  /** NaN for tokens that are not predicted yet. The first never is. */
  readonly nats: Float32Array;
  /** Tokens predicted, counted from the second. */
  done: number;
}

/** Numbers of a complete reading. */
export interface Totals {
  readonly perplexity: number;
  readonly bitsPerByte: number;
  /** Mean −ln p. */
  readonly nats: number;
}

export class LiveReport extends TokenText implements ShownReport {
  /** Of the document. */
  readonly name: string;
  readonly heads: readonly string[];
  /** Bytes of the predicted tokens, and those that gzip needs for the text. */
  readonly bytes: number;
  readonly gzip: number;
  /** Bytes that xz needs for it, when they are known. */
  xz: number | undefined;
  /** The size of memory that is shown; 0 is none. */
  size = 0;
  private readonly losses = new Map<number, Losses>();
  /** Totals of complete sizes, which are sums over all tokens. */
  private readonly summed = new Map<number, Totals>();
  private asked: { readonly token: number; readonly size: number; readonly details: Details } | undefined;

  constructor({ name, text, ends, files, bytes, gzip, heads }: Described) {
    super(text, ends, files);
    this.name = name;
    this.heads = heads;
    this.bytes = bytes;
    this.gzip = gzip;
  }

  /** Takes losses from token `from` on. */
  add(size: number, from: number, nats: Float32Array): void {
    const losses = this.lossesOf(size);
    losses.nats.set(nats, from);
    losses.done = from + nats.length - 1;
  }

  /** Says that a size finds what another one found. */
  addSame(size: number, as: number): void {
    this.losses.set(size, this.lossesOf(as));
  }

  /** Tokens predicted with a size. */
  done(size: number): number {
    return this.losses.get(size)?.done ?? 0;
  }

  isComplete(size: number): boolean {
    return this.done(size) === this.length - 1;
  }

  /** The means over the tokens that were predicted; undefined if a size is not complete. */
  totals(size: number): Totals | undefined {
    if (!this.isComplete(size)) return undefined;
    const known = this.summed.get(size) ?? this.sum(size);
    this.summed.set(size, known);
    return known;
  }

  /** Takes what a reading found for a token. */
  addDetails(size: number, token: number, details: Details): void {
    this.asked = { size, token, details };
  }

  get nats(): Float32Array {
    return this.lossesOf(this.size).nats;
  }

  get natsWithout(): Float32Array {
    return this.lossesOf(0).nats;
  }

  /** The nats that the memory saves; 0 as long as they are not known. */
  gain(token: number): number {
    if (token > Math.min(this.done(0), this.done(this.size))) return 0;
    return this.natsWithout[token] - this.nats[token];
  }

  /** The token that gained most so far with the size that is shown; undefined if none gained. */
  get best(): number | undefined {
    const { nats, natsWithout } = this;
    const end = Math.min(this.done(0), this.done(this.size));
    let [best, most] = [undefined as number | undefined, 0];
    for (let token = 1; token <= end; token++) {
      const gain = natsWithout[token] - nats[token];
      if (gain > most) [best, most] = [token, gain];
    }
    return best;
  }

  get whyNone(): string {
    if (this.heads.length === 0) return "This model has no memory.";
    return this.size === 0 ? "The memory was switched off." : "The memory was empty.";
  }

  gates(token: number): readonly number[] {
    return this.detailsOf(token)?.gates ?? [];
  }

  pairs(token: number): ShownPair[] {
    const pairs = this.detailsOf(token)?.pairs ?? [];
    return pairs.map(({ head, ...pair }) => ({ head: this.heads[head], ...pair }));
  }

  override textOf(token: number): string {
    return token < 0 ? this.passage(token).token : super.textOf(token);
  }

  override place(token: number): string {
    return token < 0 ? this.passage(token).place : super.place(token);
  }

  override excerpt(token: number, characters: number): Excerpt {
    return token < 0 ? this.passage(token) : super.excerpt(token, characters);
  }

  private sum(size: number): Totals {
    let sum = 0;
    for (const nats of this.lossesOf(size).nats) sum += nats;
    const nats = sum / (this.length - 1);
    return { nats, perplexity: Math.exp(nats), bitsPerByte: sum / Math.LN2 / this.bytes };
  }

  private lossesOf(size: number): Losses {
    const known = this.losses.get(size);
    if (known !== undefined) return known;
    const none = { nats: new Float32Array(this.length).fill(Number.NaN, 1), done: 0 };
    this.losses.set(size, none);
    return none;
  }

  private detailsOf(token: number): Details | undefined {
    const { asked } = this;
    return asked?.token === token && asked.size === this.size ? asked.details : undefined;
  }

  private passage(token: number) {
    return this.asked?.details.earlier[token] ?? { before: "", token: "", after: "", place: "earlier" };
  }
}
