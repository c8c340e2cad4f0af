/** A table for people: what sets of remembering heads bring and cost. */
import { shareOfGain } from "../calibrate/choose-heads.ts";
import type { MeasuredSet } from "../calibrate/measure-set.ts";
import { type CalibrationResult, setSummaries } from "../calibrate/result.ts";
import { wholeNumber } from "./progress.ts";
import { formatTable } from "./table.ts";

export const CALIBRATION_COLUMNS = ["heads", "loss", "of the gain", "bytes a token", "ms a token"];

/** The table's cells: a row for each set, and one for the set that was chosen. */
export function calibrationRows({ choice }: CalibrationResult): string[][] {
  const cells = (label: string, set: MeasuredSet) => [
    label,
    set.loss.toFixed(4),
    gainText(shareOfGain(set, choice.sets)),
    wholeNumber(set.bytesPerToken),
    set.msPerToken.toFixed(2),
  ];
  const { sets, chosen } = choice;
  const rows = sets.map((set, i) =>
    cells(i === sets.length - 1 ? `all ${set.heads.length}` : `${set.heads.length}`, set),
  );
  return [...rows, cells(`chosen: ${chosen.heads.length}`, chosen)];
}

/** Formats the sets as a table, with the chosen heads below it. */
export function calibrationTable(result: CalibrationResult): string {
  const { tokens, documents, choice } = result;
  const table = formatTable([CALIBRATION_COLUMNS, ...calibrationRows(result)], ["left", "right"]);
  const over = `over the same ${wholeNumber(tokens)} tokens of ${documents.length === 1 ? "one document" : `${documents.length} documents`} in every line`;
  const places = setSummaries(result).chosen.memory_layers;
  const settings = [
    choice.neighbours === undefined ? [] : [`--neighbours ${choice.neighbours}`],
    choice.reach === undefined ? [] : [`distances up to ${choice.reach}`],
  ].flat();
  const gains = choice.sets.some(({ loss }) => loss < choice.sets[0].loss);
  const none = gains ? "no head" : "no head: a memory lowers the loss in none";
  const where = places === "" ? none : `--memory-layers ${places}`;
  return `${table}\n${over}\nchosen: ${[where, ...settings].join(", ")}`;
}

/** `79 %`; a dash where all heads together gain nothing. */
export function gainText(share: number): string {
  return Number.isFinite(share) ? `${Math.round(100 * share)} %`.replace("-", "−") : "–";
}
