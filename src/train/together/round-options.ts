/** The rounds of `--sync H` (DiLoCo): every option is described once, as those of a training are in options.ts. */
import { InputError } from "../../base/errors.ts";
import { type Field, integer, parseFields } from "../../base/fields.ts";
import { regularOptions, type TrainingOptions } from "../options.ts";

/** The options of rounds. */
export interface RoundOptions {
  /** H, steps that a part takes by itself between two outer steps. */
  every: number;
  /** Parts, each with its own rows, documents and moments. */
  parts: number;
  /** Rate of the outer step. */
  outerRate: number;
  /** Nesterov momentum of the outer step. */
  outerMomentum: number;
}

export const roundFields: Readonly<Record<keyof RoundOptions, Field>> = {
  every: integer(100, 1, 1e9, "H, steps that a part takes by itself between two outer steps"),
  parts: integer(1, 1, 65536, "parts, each with its own rows, documents and moments"),
  outerRate: { kind: "number", default: 0.7, above: 0, max: 1000, about: "rate of the outer step of --sync H" },
  outerMomentum: { kind: "number", default: 0.9, min: 0, below: 1, about: "its Nesterov momentum" },
};

export function parseRoundOptions(json: unknown, source: string): RoundOptions {
  return parseFields(roundFields, json, source) as unknown as RoundOptions;
}

/** Refuses what is to be done in the midst of a round, when there are no common weights. @throws InputError */
export function requireWholeRounds(options: TrainingOptions, { every }: RoundOptions): void {
  const key = regularOptions.find((name) => options[name] % every !== 0);
  if (key === undefined) return;
  throw new InputError(
    `${key} is ${options[key]}, but only every ${every} steps (--sync ${every}) the workers have common weights; give a multiple of it`,
  );
}
