/**
 * A document that is read once for each size of memory, from small to large. The reading without memory and the first with one
 * advance together, so that there are gains to show from the first segments on.
 */
import { InspectedReading, type LanguageModel, type MemorySnapshot, type Tokenizer } from "memorizing-transformer";
import { InspectedText, XzSize } from "memorizing-transformer/report";
import type { Details, ReadingNews } from "../engine/calls.ts";
import type { FoundText } from "./documents.ts";
import type { Asked } from "./serve.ts";
import { turn } from "./turn.ts";

/** Tokens that a page reads at most; the pairs of each size take some 150 bytes a token. */
const MOST_TOKENS = 131_072;
/** Characters that are tokenized at most: far more than that many tokens in any language. */
export const MOST_CHARACTERS: number = 16 * MOST_TOKENS;
/** Retrieved pairs that are kept for each token. */
const TOP = 8;
const SURROUNDINGS = 90;
/** News of losses are sent so far apart. */
const NEWS_MS = 60;

export class ReadDocument {
  readonly name: string;
  /** The text that is read, which may be cut. */
  readonly text: string;
  /** The memory that it is read after. */
  readonly known: MemorySnapshot | undefined;
  private readonly model: LanguageModel;
  private readonly tokenizer: Tokenizer;
  private readonly ids: Int32Array;
  private readonly inspected: InspectedText;
  /** What is not read, and why, a sentence each. */
  private readonly remarks: readonly string[];
  /** Readings by size of memory; several sizes share one where a larger memory changes nothing. */
  private readonly readings = new Map<number, InspectedReading>();
  private released = false;

  constructor(model: LanguageModel, tokenizer: Tokenizer, found: FoundText, known?: MemorySnapshot) {
    const { name, text, files, leftOut } = found;
    const all = tokenizer.encode(text.slice(0, MOST_CHARACTERS), { framed: model.framesTexts });
    const ids = all.subarray(0, MOST_TOKENS);
    if (ids.length < 2) throw new Error(`${name} has nothing to predict: it has ${ids.length} tokens`);
    const none = new Int32Array();
    const columns = { document: none, index: none, token: none, begin: none, end: none };
    const earlier = known?.sources ?? { documents: [], columns };
    this.name = name;
    this.model = model;
    this.tokenizer = tokenizer;
    this.known = known;
    this.ids = ids;
    this.inspected = new InspectedText({ name, ids, earlier }, tokenizer, files);
    this.text = this.inspected.texts.join("");
    const isCut = ids.length < all.length || text.length > MOST_CHARACTERS;
    const most = MOST_TOKENS.toLocaleString("en-US");
    const cut = isCut ? `A page reads ${most} tokens at most; ${name} is read up to there.` : undefined;
    this.remarks = [cut, leftOut].filter((remark) => remark !== undefined);
  }

  /** Reads for all sizes, which ascend from 0. After an abort, what is complete stays. */
  async run(sizes: readonly number[], { tell, signal }: Asked<ReadingNews>): Promise<void> {
    const [none, ...others] = this.model.memoryLayers.length > 0 ? sizes : [0];
    const enough = this.ids.length + (this.known?.length ?? 0);
    const last = others.findIndex((size) => size >= enough);
    const read = last < 0 ? others : others.slice(0, last + 1);
    const [first, ...rest] = read;
    const total = (1 + read.length) * (this.ids.length - 1);
    const course = new Course(total, tell);
    const together = [none, ...(first === undefined ? [] : [first])].map((size) => this.begin(size));
    tell(await this.described(together.at(-1)!));
    await this.advance(together, course, signal);
    tell({ kind: "xz", bytes: await this.xzBytes(signal) });
    for (const size of rest) await this.advance([this.begin(size)], course, signal);
    for (const size of others.slice(read.length)) {
      this.readings.set(size, this.readings.get(read.at(-1)!)!);
      tell({ kind: "same", size, as: read.at(-1)! });
    }
  }

  /** Everything that the reading with a memory of `size` found for a token. */
  details(size: number, token: number): Details {
    const reading = this.readings.get(size);
    const found = reading?.retrievals;
    if (reading === undefined || found === undefined || token > reading.done)
      return { gates: [], pairs: [], earlier: {} };
    const pairs = found.retrieved.list(token).map(({ head, token, weight, score }) => ({ head, token, weight, score }));
    const { length } = found.heads;
    const before = pairs.map(({ token }) => token).filter((token) => token < 0);
    const passage = (token: number) => ({
      ...this.inspected.excerpt(token, SURROUNDINGS),
      place: this.inspected.place(token),
    });
    return {
      gates: [...found.gates.subarray(token * length, (token + 1) * length)],
      pairs,
      earlier: Object.fromEntries(before.map((token) => [token, passage(token)])),
    };
  }

  /** Frees the memories of readings that are not complete; they stop. */
  release(): void {
    this.released = true;
    for (const reading of this.readings.values()) reading.release();
  }

  private begin(size: number): InspectedReading {
    const { model, tokenizer, ids, known } = this;
    const options = { memorySize: size, known: size > 0 ? known : undefined, top: TOP };
    const reading = new InspectedReading(model, tokenizer, ids, options);
    this.readings.set(size, reading);
    return reading;
  }

  /** Reads side by side to the end, and frees the memories. */
  private async advance(readings: readonly InspectedReading[], course: Course, signal: AbortSignal): Promise<void> {
    try {
      while (readings.some((reading) => !reading.complete)) {
        for (const reading of readings) reading.advance();
        course.news(readings);
        await turn(signal);
        if (this.released) throw new Error("another text is read now");
      }
      course.end(readings);
    } finally {
      for (const reading of readings) reading.release();
    }
  }

  private async xzBytes(signal: AbortSignal): Promise<number> {
    const xz = new XzSize(new TextEncoder().encode(this.text));
    while (!xz.complete) {
      xz.advance();
      await turn(signal);
      if (this.released) throw new Error("another text is read now");
    }
    return xz.size;
  }

  private async described({ retrievals }: InspectedReading): Promise<ReadingNews> {
    let end = 0;
    const { name, ids, tokenizer, inspected, text, remarks } = this;
    return {
      kind: "document",
      name,
      files: inspected.files,
      text,
      ends: Uint32Array.from(inspected.texts, ({ length }) => (end += length)),
      bytes: ids.subarray(1).reduce((sum, id) => sum + tokenizer.byteLength(id), 0),
      gzip: await compressedBytes(text),
      heads: (retrievals?.heads ?? []).map(({ layer, head }) => `layer ${layer} head ${head}`),
      remarks,
    };
  }
}

/** The course of all readings: sends losses now and then, and how fast it goes. */
class Course {
  private readonly total: number;
  private readonly tell: (news: ReadingNews) => void;
  private readonly begun = performance.now();
  private readonly sent = new Map<InspectedReading, number>();
  private complete = 0;
  private last = 0;

  constructor(total: number, tell: (news: ReadingNews) => void) {
    this.total = total;
    this.tell = tell;
  }

  news(readings: readonly InspectedReading[]): void {
    if (performance.now() - this.last < NEWS_MS) return;
    this.last = performance.now();
    const done = this.complete + readings.reduce((sum, reading) => sum + reading.done, 0);
    for (const reading of readings) this.send(reading, done);
  }

  end(readings: readonly InspectedReading[]): void {
    this.complete += readings.reduce((sum, reading) => sum + reading.done, 0);
    for (const reading of readings) this.send(reading, this.complete);
  }

  /** Sends the losses that are new. The first token, number 0, is never predicted. */
  private send(reading: InspectedReading, done: number): void {
    const from = (this.sent.get(reading) ?? 0) + 1;
    const nats = reading.nats.slice(from, reading.done + 1);
    this.sent.set(reading, reading.done);
    const speed = done / ((performance.now() - this.begun) / 1000);
    this.tell({ kind: "losses", size: reading.memorySize, from, nats, progress: { done, total: this.total }, speed });
  }
}

/** Bytes of a text behind gzip, the one compressor that every browser has. */
async function compressedBytes(text: string): Promise<number> {
  const packed = new Blob([text]).stream().pipeThrough(new CompressionStream("gzip"));
  return (await new Response(packed).arrayBuffer()).byteLength;
}
