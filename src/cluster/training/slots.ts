/**
 * Slots: places in an exchange for bytes of any size that are replaced again and again, such as gradients and weights. So an exchange
 * does not grow with the length of a training. A slot is records: pieces of at most 512 KiB, and a head, written last, which names them by
 * SHA-256 and says by a tag which of the slot's contents this is.
 */
import { InputError } from "../../base/errors.ts";
import { isBlockName, nameOf } from "../blocks.ts";
import { isCount } from "../damage.ts";
import { type Exchange, MOST_BYTES } from "../exchange.ts";
import { pause } from "../pause.ts";
import { type Reading, soundFound } from "../records.ts";

const MAP = "slots";

/** Milliseconds between two looks at a slot: at first, and at most. */
const [SOON, LATE] = [2, 50];
/** A content that does not fit its head is being replaced; after so many looks it is taken for damaged. */
const MOST_LOOKS = 50;

const encoder = new TextEncoder();

interface Head {
  readonly tag: string;
  readonly bytes: number;
  readonly pieces: readonly string[];
}

/** The slots of one training. */
export class Slots {
  private readonly exchange: Exchange;
  private readonly prefix: string;
  /** Revisions of records that were written here. */
  private readonly revisions = new Map<string, number>();
  /** How many slots were found here without a head that this program wrote, and were set aside. */
  losses = 0;

  /** `training` is its name, 64 hexadecimal digits. */
  constructor(exchange: Exchange, training: string) {
    this.exchange = exchange;
    this.prefix = training.slice(0, 16);
  }

  /** Replaces what is in the slot. */
  async write(slot: string, tag: string, bytes: Uint8Array): Promise<void> {
    const pieces: string[] = [];
    for (let from = 0; from < bytes.length; from += MOST_BYTES) {
      const piece = bytes.subarray(from, from + MOST_BYTES);
      await this.replace(this.key(slot, pieces.length), piece);
      pieces.push(nameOf(piece));
    }
    const head: Head = { tag, bytes: bytes.length, pieces };
    await this.replace(this.key(slot), encoder.encode(JSON.stringify(head)));
  }

  /** What is in the slot, if that has this tag. @throws InputError if its pieces are damaged, or have more than `most` bytes */
  async read(slot: string, tag: string, most: number): Promise<Uint8Array | undefined> {
    for (let look = 0, before = ""; look < MOST_LOOKS; look++) {
      const head = await this.head(slot);
      if (head?.tag !== tag) return undefined;
      if (head.bytes > most) throw new InputError(`${this.name(slot)} claims ${head.bytes} bytes; at most ${most} fit`);
      const content = await this.content(slot, head);
      if (typeof content !== "string") return content;
      if (content !== before) look = 0; // somebody is writing it
      before = content;
      await pause(LATE);
    }
    throw new InputError(`${this.name(slot)} is damaged: its pieces have another SHA-256`);
  }

  /** Waits until the slot has this tag. `between` is awaited now and then, and ends the waiting by an error. */
  async wait(slot: string, tag: string, most: number, between: () => Promise<void>): Promise<Uint8Array> {
    for (let wait = SOON; ; wait = Math.min(LATE, 1.5 * wait)) {
      const bytes = await this.read(slot, tag, most);
      if (bytes !== undefined) return bytes;
      await between();
      await pause(wait);
    }
  }

  /** Tag of what is in the slot; undefined if that is nothing, or is damaged. */
  async tag(slot: string): Promise<string | undefined> {
    return (await this.head(slot))?.tag;
  }

  private async head(slot: string): Promise<Head | undefined> {
    const { content, damage } = await soundFound(this.exchange, MAP, this.key(slot), headIn);
    if (damage !== undefined) this.losses++;
    return content;
  }

  /** The content of a head; if its pieces are not those, a text that says which they are instead. */
  private async content(slot: string, { bytes, pieces }: Head): Promise<Uint8Array | string> {
    const whole = new Uint8Array(bytes);
    for (const [index, name] of pieces.entries()) {
      const piece = (await this.exchange.read(MAP, this.key(slot, index)))?.value;
      const size = Math.min(MOST_BYTES, bytes - index * MOST_BYTES);
      const found = piece === undefined ? "none" : nameOf(piece);
      if (piece?.length !== size || found !== name) return `${index} of ${pieces}: ${found}`;
      whole.set(piece, index * MOST_BYTES);
    }
    return whole;
  }

  private async replace(key: string, value: Uint8Array): Promise<void> {
    for (;;) {
      const known = this.revisions.get(key) ?? (await this.exchange.read(MAP, key))?.revision ?? 0;
      const revision = await this.exchange.write(MAP, key, value, known);
      if (revision !== undefined) this.revisions.set(key, revision);
      else this.revisions.delete(key); // somebody else wrote it meanwhile
      if (revision !== undefined) return;
    }
  }

  private key(slot: string, piece?: number): string {
    return piece === undefined ? `${this.prefix}_${slot}` : `${this.prefix}_${slot}_${piece}`;
  }

  private name(slot: string): string {
    return `the slot ${slot} of the training ${this.prefix}`;
  }
}

const headIn: Reading<Head> = ({ tag, bytes, pieces }) => {
  if (typeof tag !== "string" || !isCount(bytes) || !Array.isArray(pieces)) return undefined;
  const isWhole = pieces.length === Math.ceil(bytes / MOST_BYTES) && pieces.every(isBlockName);
  return isWhole ? { tag, bytes, pieces } : undefined;
};
