/** What a calibration found, and the file that tells it to everything that opens the model. */
import { type CalibrationJson, FORMAT } from "../families/calibration.ts";
import type { Decoder } from "../families/decoder.ts";
import { placesOf } from "../families/memory-places.ts";
import type { ReadingSettings } from "../families/reading-settings.ts";
import { type Choice, shareOfGain } from "./choose-heads.ts";
import type { MeasuredSet } from "./measure-set.ts";
import type { Ranking } from "./rank-heads.ts";

/** A calibration of a model. */
export interface CalibrationResult {
  /** The model, as the user named it. */
  readonly name: string;
  /** Its fingerprint. */
  readonly model: string;
  /** L */
  readonly layers: number;
  /** KV */
  readonly keyHeads: number;
  /** Names of the documents that were read. */
  readonly documents: readonly string[];
  /** How they were read, where that was said. */
  readonly read: Pick<Partial<ReadingSettings>, "window" | "memoryDtype">;
  /** Predicted tokens of one reading. */
  readonly tokens: number;
  /** What each head brings. */
  readonly ranking: Ranking;
  /** The sets that were measured, and the one that was chosen. */
  readonly choice: Choice;
}

/** A set in the words of `--memory-layers`, with what was measured. */
export interface SetSummary {
  readonly memory_layers: string;
  readonly heads: number;
  readonly loss: number;
  readonly share_of_gain: number;
  readonly bytes_per_token: number;
  readonly ms_per_token: number;
}

/** Every set that was measured, as JSON has it. */
export function setSummaries({ choice, keyHeads }: CalibrationResult): { sets: SetSummary[]; chosen: SetSummary } {
  const summary = (set: MeasuredSet): SetSummary => ({
    memory_layers: placesOf({ keyHeads }, set.heads),
    heads: set.heads.length,
    loss: set.loss,
    share_of_gain: shareOfGain(set, choice.sets),
    bytes_per_token: set.bytesPerToken,
    ms_per_token: set.msPerToken,
  });
  return { sets: choice.sets.map(summary), chosen: summary(choice.chosen) };
}

/** The content of the calibration's file. */
export function calibrationJson(result: CalibrationResult): CalibrationJson {
  const { model, documents, read, tokens, ranking, choice } = result;
  const { window, memoryDtype } = read;
  const { neighbours, reach } = choice;
  const { sets, chosen } = setSummaries(result);
  return {
    format: FORMAT,
    model,
    memory_layers: chosen.memory_layers,
    ...(neighbours !== undefined && { neighbours }),
    ...(reach !== undefined && { reach }),
    ...(window !== undefined && { window }),
    ...(memoryDtype !== undefined && { memory_dtype: memoryDtype }),
    measured: {
      documents,
      tokens,
      chosen,
      sets,
      gains: Object.fromEntries(
        ranking.heads.map(({ layer, head, gain }) => [`${layer}:${head}`, Number(gain.toPrecision(4))]),
      ),
    },
  };
}

/** The fingerprint of a decoder and its sizes. */
export function identityOf(model: Decoder): Pick<CalibrationResult, "model" | "layers" | "keyHeads"> {
  const { layers, keyHeads } = model.architecture;
  return { model: model.fingerprint(), layers, keyHeads };
}
