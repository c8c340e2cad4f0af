/** `memorizing export`: writes a model once more, with its weights in another format if asked for. */
import { InputError } from "../base/errors.ts";
import { type ExportDtype, exportDtypes } from "../families/export-types.ts";
import { wholeNumber } from "../report/progress.ts";
import { modelExport } from "../train/export-model.ts";
import { modelDirectory } from "../train/model-directory.ts";
import { isForeign } from "../train/open-model.ts";
import { holdsTraining } from "../train/run-directory.ts";
import { command } from "./arguments/command.ts";
import { choiceOption, flag, required, text } from "./arguments/options.ts";
import { setOption } from "./model-config.ts";
import { MODEL_HELP } from "./models.ts";
import { modelOutputs } from "./outputs/directories.ts";
import { forceOption, Outputs } from "./outputs/outputs.ts";
import { printError, printJson, printLine } from "./printing.ts";
import { summaries } from "./summaries.ts";

export const exportCommand = command(
  {
    name: "memorizing export",
    summary: summaries.export,
    operands: ["MODEL"],
    options: {
      out: required(text("DIR", "where config.json, model.safetensors, tokenizer.json and the like go")),
      dtype: choiceOption<ExportDtype>(
        exportDtypes,
        "how weights are stored, bfloat16 only those that others trained [stored: as they are; blocks of a .gguf file, and our own weights, as float32]",
      ),
      force: forceOption,
      set: setOption,
      json: flag("prints the result as JSON"),
    },
    details: () => MODEL_HELP,
  },
  async ({ out, dtype, force, set, json }, [named]) => {
    const outputs = new Outputs({
      outputs: modelOutputs(out, isForeign(modelDirectory(named))),
      models: [named],
      force,
    });
    if (!force) requireNoTraining(out);
    const write = modelExport(named, { dtype, overrides: set });
    outputs.check();
    const { weights, dtype: stored, dropsCalibration } = write(out);
    if (dropsCalibration)
      printError(`${out}: what calibrate found is for ${named}; calibrate this one anew, or all heads remember`);
    const line = `${out}: ${wholeNumber(weights)} weights ${stored === "stored" ? "as they were stored" : `as ${stored}`}`;
    if (json) printJson({ directory: out, weights, dtype: stored });
    else printLine(line);
    return 0;
  },
);

function requireNoTraining(out: string): void {
  if (!holdsTraining(out)) return;
  throw new InputError(`${out} holds a training, whose model would be replaced; give another --out, or --force`);
}
