/**
 * A memory that other processes hold, as its reader sees it: exact search and attention over all of its shards. A lookup goes to all of them, and each
 * answers with its best pairs. Those that are the best of all are attended to where they lie, or here, if their values are few and came with the answers. It sees the segments of one manifest; those
 * that are appended later it does not see.
 */
import { InputError } from "../../base/errors.ts";
import type { Asker } from "../../cluster/memory/asker.ts";
import type { Manifest, Segment } from "../../cluster/memory/manifest.ts";
import type { KvMemory } from "../memory.ts";
import { requireSources, type SourceTable } from "../source-table.ts";
import { type BestLists, mergeBest } from "./best-lists.ts";
import { rejoinSources } from "./cut.ts";
import { JointLookup, type OtherPairs } from "./joint-lookup.ts";
import type { Part } from "./partial-attention.ts";
import * as protocol from "./protocol.ts";
import { pick, type Retrieved } from "./retrieved-lists.ts";
import type { MemorySearch, ServedPairs } from "./served-pairs.ts";

/** Pairs whose sources fit into a message. */
const TRACED = 8192;
/** Bytes of values that each answer with scores may have, unless the options say otherwise: one query for 32 pairs in 8 heads of 128. */
const CARRIED = 131_072;

const none = new Int32Array();
const NO_SOURCES: SourceTable = {
  documents: [],
  columns: { document: none, index: none, token: none, begin: none, end: none },
};

export interface ServedMemoryOptions {
  /** Fingerprint of the model that made the pairs. */
  readonly model: string;
  /** Milliseconds that a lookup waits for shards that do not answer. */
  readonly patience: number;
  /** Whether lookups go on without them. */
  readonly bestEffort: boolean;
  /**
   * Bytes of values that each answer with scores may have: a lookup that needs no more is done after one round of questions. Those of larger lookups
   * stay where they are, and are attended to there.
   */
  readonly carried?: number;
}

/** The subject of questions to all that serve the memory of a model, or to one of them. */
export function subjectOf(model: string, server = "all"): string {
  return `${model}_${server}`;
}

export class ServedMemory implements ServedPairs, OtherPairs {
  private readonly asker: Asker;
  private readonly options: ServedMemoryOptions;
  private manifest: Manifest;
  /** Numbers of segments that did not answer in time, and are not waited for any more. */
  private readonly missing = new Set<number>();
  /** Who answers for a segment, by its number. */
  private readonly servers = new Map<number, string>();
  private leastShare = 1;

  constructor(asker: Asker, manifest: Manifest, options: ServedMemoryOptions) {
    this.asker = asker;
    this.manifest = manifest;
    this.options = options;
  }

  get length(): number {
    return pairsOf(this.manifest.segments);
  }

  /** The number behind that of the newest pair. */
  get end(): number {
    return this.manifest.nextPair;
  }

  /** The share of the keys that was searched, in the lookup that searched fewest: 1 unless shards were missing. */
  get searched(): number {
    return this.leastShare;
  }

  besides(memory: KvMemory, layer: number): MemorySearch {
    return {
      length: (row) => this.length + memory.length(row),
      lookup: (queries, topk, reach) => new JointLookup(this, memory, layer, queries, topk).neighbours(reach),
    };
  }

  queriesAtOnce(topk: number): number {
    return protocol.queriesInMessage(this.manifest, topk);
  }

  /**
   * The best pairs of every query [n, H·D] and head: `topk`, or all if there are fewer. With their values, if these are few.
   * @throws InputError that names the first segment that nobody serves
   */
  best(layer: number, queries: Float32Array, topk: number): BestLists {
    const lists = queries.length / this.manifest.width;
    const { width } = this.manifest;
    const values = lists * topk * width * 4 <= (this.options.carried ?? CARRIED);
    const answers = this.askAll((from, to) => protocol.encodeScoring({ layer, from, to, topk, values, queries }));
    const found = answers.map((answer) => protocol.readScores(answer, lists, width));
    return mergeBest(found, lists, Math.min(topk, pairsOf(this.coveredBy(answers))));
  }

  /** What retrieved pairs add up to, in parts; undefined if a process that had some of them does not answer any more. */
  attend(layer: number, scales: Float32Array, retrieved: Retrieved): Part[] | undefined {
    const { model, patience } = this.options;
    const parts = this.byServer(retrieved);
    const questions = parts.map(([server, part]) => ({
      subject: subjectOf(model, server),
      message: protocol.encodeAttending({ layer, scales, retrieved: part }),
      covers: [server],
    }));
    const answers = this.asker.ask(questions, patience);
    if (answers.some(([answer]) => answer === undefined)) return undefined;
    return parts.map(([, part], i) => protocol.readAttended(answers[i][0], part, this.manifest.width));
  }

  sources(): SourceTable {
    const tables = this.manifest.segments.flatMap((segment) => {
      const blocks: SourceTable[] = [];
      for (let from = 0; from < segment.pairs; from += TRACED) blocks.push(this.trace(segment, from));
      return blocks;
    });
    return tables.reduce(rejoinSources, NO_SOURCES);
  }

  /** The tokens of all pairs, oldest first; −1 for those of a shard that is missing, with `bestEffort`. */
  tokens(): Int32Array {
    const tokens = new Int32Array(this.length).fill(-1);
    const lacking = new Set<Segment>();
    let at = 0;
    for (const segment of this.manifest.segments) {
      for (let from = 0; from < segment.pairs; from += TRACED) {
        const sources = this.askSources(segment, from);
        if (sources === undefined) lacking.add(segment);
        else tokens.set(sources.columns.token, at + from);
      }
      at += segment.pairs;
    }
    if (lacking.size > 0 && !this.options.bestEffort) throw this.lack([...lacking]);
    return tokens;
  }

  /** The sources of some pairs of a segment. */
  private trace(segment: Segment, from: number): SourceTable {
    const sources = this.askSources(segment, from);
    if (sources === undefined) throw this.lack([segment]);
    return sources;
  }

  /** The sources of some pairs of a segment; undefined if nobody answers. */
  private askSources(segment: Segment, from: number): SourceTable | undefined {
    const { model, patience } = this.options;
    const to = Math.min(segment.pairs, from + TRACED);
    const message = protocol.encodeTracing({ segment: segment.number, from, to });
    const covers = [String(segment.number)];
    const [[answer]] = this.asker.ask([{ subject: subjectOf(model), message, covers }], patience);
    if (answer === undefined) return undefined;
    const sources = protocol.readSources(answer);
    requireSources(sources, to - from);
    return sources;
  }

  /** Asks all about segments [from, to), until each is covered by an answer or known to be missing. */
  private askAll(question: (from: number, to: number) => Uint8Array): readonly Uint8Array[] {
    const { patience, bestEffort, model } = this.options;
    for (;;) {
      const { nextNumber: to, segments } = this.manifest;
      const wanted = segments.filter(({ number }) => !this.missing.has(number));
      if (wanted.length === 0) return this.noted([]);
      const covers = wanted.map(({ number }) => String(number));
      const message = question(to - segments.length, to);
      const [answers] = this.asker.ask([{ subject: subjectOf(model), message, covers }], patience);
      const covered = new Set(this.coveredBy(answers));
      const lacking = wanted.filter((segment) => !covered.has(segment));
      if (lacking.length === 0) return this.noted(answers);
      if (this.forget()) continue;
      if (!bestEffort) throw this.lack(lacking);
      for (const { number } of lacking) this.missing.add(number);
      return this.noted(answers);
    }
  }

  /** Notes who answered, and which share of the keys was searched. */
  private noted(answers: readonly Uint8Array[]): readonly Uint8Array[] {
    const covered = this.coveredBy(answers);
    for (const { number } of covered) this.missing.delete(number); // it may be back
    for (const { server, covers } of answers.map(protocol.readAnswer)) {
      for (const number of covers) this.servers.set(Number(number), server);
    }
    if (this.length > 0) this.leastShare = Math.min(this.leastShare, pairsOf(covered) / this.length);
    return answers;
  }

  private coveredBy(answers: readonly Uint8Array[]): readonly Segment[] {
    const numbers = new Set(answers.flatMap((answer) => protocol.readAnswer(answer).covers));
    return this.manifest.segments.filter(({ number }) => numbers.has(String(number)));
  }

  /** Whether segments were forgotten since the manifest was read; then they are forgotten here too. */
  private forget(): boolean {
    const now = this.asker.manifest();
    const first = now === undefined ? this.manifest.nextNumber : now.nextNumber - now.segments.length;
    const segments = this.manifest.segments.filter(({ number }) => number >= first);
    if (segments.length === this.manifest.segments.length) return false;
    this.manifest = { ...this.manifest, segments };
    return true;
  }

  private lack([{ number, first, pairs, file }, ...others]: readonly Segment[]): InputError {
    const more = others.length > 0 ? ` (and ${others.length} more)` : "";
    return new InputError(
      `nobody at ${this.asker.name} serves segment ${number}${more} of the memory, pairs ${first} to ${first + pairs - 1}; ` +
        `run "memorizing memory serve ${file} --cluster ${this.asker.name}", or go on without it with --best-effort`,
    );
  }

  /** Retrieved pairs by who has them. */
  private byServer(retrieved: Retrieved): [server: string, part: Retrieved][] {
    const serverOf = (pair: number) => {
      const segment = this.manifest.segments.find(({ first, pairs }) => pair >= first && pair < first + pairs);
      return this.servers.get(segment?.number ?? -1) ?? "";
    };
    const servers = new Set(Array.from(retrieved.pairs, serverOf));
    return [...servers].map((server) => [server, pick(retrieved, (pair) => serverOf(pair) === server)]);
  }
}

function pairsOf(segments: readonly Segment[]): number {
  return segments.reduce((sum, { pairs }) => sum + pairs, 0);
}
