/**
 * The report's data in the browser: everything known about each token. Like all files of this folder it runs in the page,
 * which gets its source text (inspection-page.ts). So it uses only the browser and its neighbours here.
 */
import type { Excerpt } from "../../inspected-text.ts";
import type { EarlierToken, ReportData } from "../report-data.ts";
import type { ShownPair, ShownReport } from "./shown-report.ts";
import { TokenText } from "./token-text.ts";

export class DecodedReport extends TokenText implements ShownReport {
  readonly heads: readonly string[];
  readonly whyNone = "The memory was empty.";
  readonly nats: Float32Array;
  readonly natsWithout: Float32Array;
  private readonly gateColumn: Uint8Array;
  /** Offsets of each token's pairs, and the end of the last ones. */
  private readonly pairBegins: Uint32Array;
  private readonly pairHeads: Uint16Array;
  private readonly pairTokens: Int32Array;
  private readonly pairWeights: Uint16Array;
  private readonly pairScores: Float32Array;
  private readonly earlier: Readonly<Record<number, EarlierToken>>;

  constructor(data: ReportData) {
    super(data.text, new Uint32Array(bytesOf(data.ends)), data.files);
    this.heads = data.heads;
    this.nats = new Float32Array(bytesOf(data.nats));
    this.natsWithout = new Float32Array(bytesOf(data.natsWithout));
    this.gateColumn = new Uint8Array(bytesOf(data.gates));
    this.pairHeads = new Uint16Array(bytesOf(data.pairHeads));
    this.pairTokens = new Int32Array(bytesOf(data.pairTokens));
    this.pairWeights = new Uint16Array(bytesOf(data.pairWeights));
    this.pairScores = new Float32Array(bytesOf(data.pairScores));
    this.earlier = data.earlier;
    const counts = new Uint8Array(bytesOf(data.counts));
    let pairs = 0;
    this.pairBegins = Uint32Array.from([0, ...counts], (count) => (pairs += count));
  }

  override textOf(token: number): string {
    return token < 0 ? this.earlier[token].token : super.textOf(token);
  }

  gain(token: number): number {
    return this.natsWithout[token] - this.nats[token];
  }

  override place(token: number): string {
    return token < 0 ? this.earlier[token].place : super.place(token);
  }

  gates(token: number): number[] {
    const width = this.heads.length;
    return Array.from(this.gateColumn.subarray(token * width, (token + 1) * width), (gate) => gate / 255);
  }

  pairs(token: number): ShownPair[] {
    const [begin, end] = [this.pairBegins[token], this.pairBegins[token + 1]];
    return Array.from({ length: end - begin }, (_, i) => ({
      head: this.heads[this.pairHeads[begin + i]],
      token: this.pairTokens[begin + i],
      weight: this.pairWeights[begin + i] / 65535,
      score: this.pairScores[begin + i],
    }));
  }

  override excerpt(token: number, characters: number): Excerpt {
    return token < 0 ? this.earlier[token] : super.excerpt(token, characters);
  }
}

export function bytesOf(base64: string): ArrayBuffer {
  const characters = atob(base64);
  const bytes = new Uint8Array(characters.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = characters.charCodeAt(i); // Uint8Array.from takes ten times as long
  return bytes.buffer;
}
