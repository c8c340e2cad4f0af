/**
 * Where a training with `--sync H` has its state in an exchange: what all share (weights, and the velocity of the outer step), the state of
 * each part, and where the parts arrived in this round and in the one before, so that a round can be closed again with the same bits.
 */
import { InputError } from "../../base/errors.ts";
import { isBlockName } from "../../cluster/blocks.ts";
import type { Content } from "../../cluster/records.ts";
import type { Slots } from "../../cluster/training/slots.ts";
import { floatTensor } from "../../formats/safetensors.ts";
import type { SavedTraining } from "../course.ts";
import { parseTrainerRecord } from "../trainer-record.ts";
import type { PartResult } from "./compute-part.ts";
import { areMetrics } from "./report.ts";
import { MOST_OF_STATE, stateBytes, stateIn, takeWeights, weightsTensor } from "./state-message.ts";

const VELOCITY = "velocity";

/** Which of a part's two slots has its state, and its tag. The other is for the state at the end of the round. */
export interface PartPlace {
  readonly slot: number;
  readonly tag: string;
}

/** What the leader says of the beginning of a round. */
export interface RoundBeginning {
  /** Tag of what all share. */
  readonly shared: string;
  readonly parts: readonly PartPlace[];
  /** Metrics so far; see history.ts. */
  readonly history: string | null;
  readonly seconds: number;
}

export interface Shared {
  readonly weights: Float32Array;
  readonly velocity: Float32Array;
}

export async function keepShared(
  slots: Slots,
  round: number,
  tag: string,
  { weights, velocity }: Shared,
): Promise<void> {
  const tensors = new Map([weightsTensor(weights), [VELOCITY, floatTensor([velocity.length], velocity)]]);
  await slots.write(sharedSlot(round), tag, stateBytes(tensors));
}

export async function loadShared(slots: Slots, round: number, tag: string, count: number): Promise<Shared> {
  const slot = sharedSlot(round);
  const { tensors } = stateIn(await present(slots, slot, tag), slot);
  const weights = takeWeights(tensors, count, slot);
  const velocity = tensors.get(VELOCITY)?.data;
  if (velocity instanceof Float32Array && velocity.length === count) return { weights, velocity };
  throw new InputError(`${slot} does not have the velocity of this model`);
}

export async function keepPart(
  slots: Slots,
  part: number,
  { slot, tag }: PartPlace,
  state: SavedTraining,
): Promise<void> {
  await slots.write(partSlot(part, slot), tag, stateBytes(state.tensors, state.record));
}

export async function loadPart(slots: Slots, part: number, { slot, tag }: PartPlace): Promise<SavedTraining> {
  const what = partSlot(part, slot);
  const { tensors, record } = stateIn(await present(slots, what, tag), what);
  return { tensors, record: parseTrainerRecord(record, what) };
}

/** Keeps where a part arrived, as the last thing that its worker does in the round. */
export async function keepArrival(
  slots: Slots,
  round: number,
  part: number,
  { weights, metrics }: Pick<PartResult, "weights" | "metrics">,
): Promise<void> {
  const bytes = stateBytes(new Map([weightsTensor(weights)]), metrics);
  await slots.write(arrivalSlot(part, round), String(round), bytes);
}

/** Where a part arrived in `round`, `steps` steps after its beginning. */
export async function loadArrival(slots: Slots, round: number, part: number, count: number, steps: number) {
  const slot = arrivalSlot(part, round);
  const { tensors, record } = stateIn(await present(slots, slot, String(round)), slot);
  if (!areMetrics(record) || record.length !== steps) {
    throw new InputError(`the arrival of part ${part} is not one after ${steps} steps`);
  }
  return { weights: takeWeights(tensors, count, slot), metrics: record };
}

/** Whether a part has arrived in this round. */
export async function hasArrived(slots: Slots, round: number, part: number): Promise<boolean> {
  return (await slots.tag(arrivalSlot(part, round))) === String(round);
}

/** The place of a part's state at the end of `round`. */
export function nextPlace({ slot }: PartPlace, round: number): PartPlace {
  return { slot: 1 - slot, tag: String(round + 1) };
}

/** @throws InputError if it is not the beginning of a round of so many parts */
export function beginningIn({ shared, parts, history, seconds }: Content, count: number): RoundBeginning {
  const isPlace = ({ slot, tag }: Partial<PartPlace>) => (slot === 0 || slot === 1) && typeof tag === "string";
  const areParts = Array.isArray(parts) && parts.length === count && parts.every((part) => isPlace(Object(part)));
  if (typeof shared === "string" && areParts && typeof seconds === "number") {
    return { shared, parts, history: isBlockName(history) ? history : null, seconds };
  }
  throw new InputError("the beginning of a round is not one that this program wrote");
}

async function present(slots: Slots, slot: string, tag: string): Promise<Uint8Array> {
  const bytes = await slots.read(slot, tag, MOST_OF_STATE);
  if (bytes === undefined) throw new InputError(`the slot ${slot} does not have ${tag} any more`);
  return bytes;
}

function sharedSlot(round: number): string {
  return `shared-${round % 2}`;
}

function partSlot(part: number, slot: number): string {
  return `part-${part}-${slot}`;
}

function arrivalSlot(part: number, round: number): string {
  return `arrival-${part}-${round % 2}`;
}
