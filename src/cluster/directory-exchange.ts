/**
 * The exchange as a directory, of one machine or on NFS: `blocks/` are files named by their SHA-256, `maps/` records, `queues/` an
 * empty file for each job that is not done, and next to it the record of its lease. No clocks are compared: a lease is over when
 * somebody who waits has seen the same state of it for so long.
 */
import { InputError } from "../base/errors.ts";
import { writeFileAtomic, writeNewFile } from "../platform/atomic-write.ts";
import { makeDirectory } from "../platform/directories.ts";
import { exists, fileState, isDirectory, listDirectory, removeFile } from "../platform/files.ts";
import { readFile } from "../platform/read-file.ts";
import { damagedBlock, isIntact, missingBlock, nameOf, requireBlockName, requireSmall } from "./blocks.ts";
import { DirectoryMap } from "./directory-map.ts";
import { type Delivery, type Entry, type Exchange, isKey, LEASE, MOST_BYTES } from "./exchange.ts";
import { pause } from "./pause.ts";

/** Milliseconds between two looks at a queue. */
const LOOKS = 100;

const HELD = new TextEncoder().encode("held");
const FREE = new TextEncoder().encode("free");

/** A state of a lease, and since when this process has seen it. */
interface Sight {
  readonly revision: number;
  readonly since: number;
}

export class DirectoryExchange implements Exchange {
  readonly name: string;
  readonly warn: (sentence: string) => void;
  private readonly lease: number;
  private readonly sights = new Map<string, Sight>();

  /** Makes the directory. `lease` is in milliseconds. */
  constructor(directory: string, lease = LEASE, warn: (sentence: string) => void = () => {}) {
    if (exists(directory) && !isDirectory(directory)) {
      throw new InputError(`${directory} is a file; machines share a directory, or a nats://host:4222`);
    }
    makeDirectory(directory);
    this.name = directory;
    this.warn = warn;
    this.lease = lease;
  }

  async put(block: Uint8Array): Promise<string> {
    requireSmall(block, "a block");
    const name = nameOf(block);
    const path = this.blockPath(name);
    if (!exists(path)) writeFileAtomic(path, block);
    return name;
  }

  async get(name: string): Promise<Uint8Array> {
    requireBlockName(name, this.name);
    const path = this.blockPath(name);
    const state = fileState(path);
    if (state === undefined) throw missingBlock(name, this.name);
    const bytes = state.bytes <= MOST_BYTES ? readFile(path, MOST_BYTES) : undefined;
    if (bytes !== undefined && isIntact(bytes, name)) return bytes;
    removeFile(path); // or it would stay, since what is there is not put again
    throw damagedBlock(name, this.name);
  }

  async read(map: string, key: string): Promise<Entry | undefined> {
    return this.map(map).read(key);
  }

  async write(map: string, key: string, value: Uint8Array, revision: number): Promise<number | undefined> {
    requireSmall(value, `the record ${key}`);
    return this.map(map).write(key, value, revision);
  }

  async keys(map: string): Promise<readonly string[]> {
    return this.map(map).keys();
  }

  async offer(queue: string, job: string): Promise<void> {
    writeNewFile(this.jobPath(queue, job), "");
  }

  async take(queue: string, milliseconds: number): Promise<Delivery | undefined> {
    const end = performance.now() + milliseconds;
    for (;;) {
      const delivery = this.firstFree(queue);
      const left = end - performance.now();
      if (delivery !== undefined || left <= 0) return delivery;
      await pause(Math.min(LOOKS, left));
    }
  }

  async close(): Promise<void> {}

  private firstFree(queue: string): Delivery | undefined {
    const directory = `${this.name}/queues/${queue}`;
    if (!isDirectory(directory)) return undefined;
    const leases = this.leases(queue);
    for (const { name, kind } of listDirectory(directory)) {
      if (kind !== "file" || !isKey(name)) continue; // a job that is still being offered has a point
      const revision = this.freeRevision(leases, name);
      const held = revision === undefined ? undefined : leases.write(name, HELD, revision);
      if (held === undefined) continue;
      if (exists(`${directory}/${name}`)) return this.delivery(queue, name, held);
      leases.write(name, FREE, held); // it was acknowledged meanwhile
    }
    return undefined;
  }

  /** The state of the lease of a job that may be taken; undefined if somebody has it. */
  private freeRevision(leases: DirectoryMap, job: string): number | undefined {
    const revision = leases.revision(job);
    if (revision === 0) return 0;
    const seen = this.sights.get(job);
    if (seen?.revision === revision) return performance.now() - seen.since >= this.lease ? revision : undefined;
    this.sights.set(job, { revision, since: performance.now() });
    return isFree(leases.read(job)) ? revision : undefined;
  }

  private delivery(queue: string, job: string, held: number): Delivery {
    const leases = this.leases(queue);
    let revision: number | undefined = held;
    const replace = (value: Uint8Array) => {
      if (revision !== undefined) revision = leases.write(job, value, revision);
      return revision !== undefined;
    };
    return {
      job,
      renew: async () => replace(HELD),
      acknowledge: async () => {
        removeFile(this.jobPath(queue, job));
        replace(FREE);
      },
      giveBack: async () => {
        replace(FREE);
      },
    };
  }

  private map(name: string): DirectoryMap {
    return new DirectoryMap(`${this.name}/maps/${name}`);
  }

  private leases(queue: string): DirectoryMap {
    return new DirectoryMap(`${this.name}/leases/${queue}`);
  }

  private blockPath(name: string): string {
    return `${this.name}/blocks/${name.slice(0, 2)}/${name}`;
  }

  private jobPath(queue: string, job: string): string {
    return `${this.name}/queues/${queue}/${job}`;
  }
}

function isFree(entry: Entry | undefined): boolean {
  return entry !== undefined && new TextDecoder().decode(entry.value) === "free";
}
