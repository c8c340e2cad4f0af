/**
 * Where a training with `--sync step` has its state between two rounds: one slot for what all workers share, weights and moments, and
 * one for each row. States of even and odd rounds have different slots, so a round can always begin anew.
 */
import { InputError } from "../../base/errors.ts";
import type { Slots } from "../../cluster/training/slots.ts";
import type { StoredTensor } from "../../formats/safetensors.ts";
import { TensorReader } from "../../formats/tensor-reader.ts";
import { flatCopy, flatLength, setFlat } from "../flat-parameters.ts";
import type { RowRange } from "../row-gradients.ts";
import type { Trainer } from "../trainer.ts";
import type { TrainerRecord } from "../trainer-record.ts";
import { MOST_OF_STATE, stateBytes, stateIn, takeWeights, weightsTensor } from "./state-message.ts";

const SHARED = /^optimizer\./;

/** Where gradients of a step are: two slots for each worker suffice, since nobody is two steps ahead of another. */
export function gradientSlot(member: number, step: number): string {
  return `gradients-${member}-${step % 2}`;
}

/** Keeps the state of these rows at the beginning of `round`, and what all share if `withShared`. */
export async function keepState(
  slots: Slots,
  round: number,
  trainer: Trainer,
  rows: RowRange,
  withShared: boolean,
): Promise<TrainerRecord> {
  const { record, tensors } = trainer.save();
  for (let row = rows.from; row < rows.to; row++) {
    const own = [...tensors].filter(([name]) => name.startsWith(`state.${row}.`));
    await slots.write(rowSlot(row, round), String(round), stateBytes(new Map(own)));
  }
  if (!withShared) return record;
  const shared = [...tensors].filter(([name]) => SHARED.test(name));
  const all = new Map([weightsTensor(flatCopy(trainer.model.parameters, "values")), ...shared]);
  await slots.write(sharedSlot(round), String(round), stateBytes(all));
  return record;
}

/** Gives model and trainer the state of these rows at the beginning of `round`. */
export async function loadState(
  slots: Slots,
  round: number,
  trainer: Trainer,
  rows: RowRange,
  record: TrainerRecord,
): Promise<void> {
  const names = [
    sharedSlot(round),
    ...Array.from({ length: rows.to - rows.from }, (_, i) => rowSlot(rows.from + i, round)),
  ];
  const all = new Map<string, StoredTensor>();
  for (const name of names) {
    const bytes = await slots.read(name, String(round), MOST_OF_STATE);
    if (bytes === undefined) throw new InputError(`the state of round ${round} is not there any more`);
    for (const [tensor, value] of stateIn(bytes, name).tensors) all.set(tensor, value);
  }
  const { parameters } = trainer.model;
  setFlat(parameters, "values", takeWeights(all, flatLength(parameters), sharedSlot(round)));
  trainer.load(record, new TensorReader(all, `the state of round ${round}`));
}

/** The slots of a state. */
export function stateSlots(rows: number, round: number): string[] {
  return [sharedSlot(round), ...Array.from({ length: rows }, (_, row) => rowSlot(row, round))];
}

function sharedSlot(round: number): string {
  return `shared-${round % 2}`;
}

function rowSlot(row: number, round: number): string {
  return `row-${row}-${round % 2}`;
}
