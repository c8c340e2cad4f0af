/** The keys of config.json that mechanisms read. A mechanism names those that it reads; the others are left out of its file. */
import { type Field, integer } from "../base/fields.ts";

/** Settings of mechanisms. Several mechanisms may share one. */
export interface MechanismSettings {
  /** Keys that a query sees at most, its own among them. */
  mechanism_window: number;
  /** Tokens of a block; a segment consists of whole blocks. */
  mechanism_block: number;
  /** Cells that stand for a finished block. */
  mechanism_cells: number;
  /** Cells of earlier segments that a layer keeps. */
  mechanism_kept: number;
  /** Levels of cells, of 1, 2, 4, … tokens. */
  mechanism_levels: number;
  /** Pairs that are compressed to one. */
  mechanism_stride: number;
  /** m, random features of a query or key. */
  mechanism_features: number;
}

/** Every setting, in the order of `--help`. */
export const mechanismFields: Readonly<Record<keyof MechanismSettings, Field>> = {
  mechanism_window: integer(512, 1, 2 ** 20, "keys that a query of the mechanism sees at most, its own among them"),
  mechanism_block: integer(64, 1, 2 ** 16, "tokens of a block of the mechanism; a segment consists of whole blocks"),
  mechanism_cells: integer(16, 1, 2 ** 16, "cells that stand for a finished block"),
  mechanism_kept: integer(256, 0, 2 ** 20, "cells of earlier segments that a layer keeps"),
  mechanism_levels: integer(4, 1, 16, "levels of cells, of 1, 2, 4, … tokens"),
  mechanism_stride: integer(4, 1, 2 ** 16, "pairs that are compressed to one"),
  mechanism_features: integer(128, 1, 2 ** 14, "random features of a query or key"),
};
