/** The keys of config.json that mechanisms read. A mechanism names those that it reads; the others are left out of its file. */
import { type Field, integer } from "../base/fields.ts";

/** Settings of mechanisms. Several mechanisms may share one. */
export interface MechanismSettings {
  /** Keys that a query sees at most, its own among them. */
  mechanism_window: number;
  /** m, random features of a query or key. */
  mechanism_features: number;
}

/** Every setting, in the order of `--help`. */
export const mechanismFields: Readonly<Record<keyof MechanismSettings, Field>> = {
  mechanism_window: integer(512, 1, 2 ** 20, "keys that a query of the mechanism sees at most, its own among them"),
  mechanism_features: integer(128, 1, 2 ** 14, "random features of a query or key"),
};
