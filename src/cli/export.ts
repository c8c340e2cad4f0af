/** `memorizing export`: writes a model once more, with its weights as halves if they are to take half the bytes. */
import { InputError } from "../base/errors.ts";
import { choice, type Field } from "../base/fields.ts";
import type { WeightDtype } from "../model/pretrained.ts";
import { wholeNumber } from "../report/progress.ts";
import { loadModel, saveModel } from "../train/checkpoint.ts";
import { modelDirectory } from "../train/model-directory.ts";
import { isForeign } from "../train/open-model.ts";
import { holdsTraining } from "../train/run-directory.ts";
import { command } from "./arguments/command.ts";
import { fieldOptions, flag, required, text } from "./arguments/options.ts";
import { setOption } from "./model-config.ts";
import { OWN_MODEL_HELP } from "./models.ts";
import { modelOutputs } from "./outputs/directories.ts";
import { forceOption, Outputs } from "./outputs/outputs.ts";
import { printJson, printLine } from "./printing.ts";
import { summaries } from "./summaries.ts";

interface ExportOptions {
  dtype: WeightDtype;
}

const exportFields: Readonly<Record<keyof ExportOptions, Field>> = {
  dtype: choice(["float32", "float16"], "how weights are stored; float16 takes half the bytes"),
};

export const exportCommand = command(
  {
    name: "memorizing export",
    summary: summaries.export,
    operands: ["MODEL"],
    options: {
      out: required(text("DIR", "where config.json, model.safetensors and tokenizer.json go")),
      ...fieldOptions<ExportOptions>(exportFields),
      force: forceOption,
      set: setOption,
      json: flag("prints the result as JSON"),
    },
    details: () => OWN_MODEL_HELP,
  },
  async ({ out, dtype = "float32", force, set, json }, [directory]) => {
    const outputs = new Outputs({ outputs: modelOutputs(out), models: [directory], force });
    if (!force) requireNoTraining(out);
    if (isForeign(modelDirectory(directory))) {
      throw new InputError(
        `${directory} is a model that others trained; only models of this program can be exported yet`,
      );
    }
    const { model, tokenizer } = loadModel(directory, set);
    outputs.check();
    saveModel(out, model, tokenizer, { dtype });
    const weights = model.parameters.count;
    const line = `${out}: ${wholeNumber(weights)} weights as ${dtype}`;
    if (json) printJson({ directory: out, weights, dtype });
    else printLine(line);
    return 0;
  },
);

function requireNoTraining(out: string): void {
  if (!holdsTraining(out)) return;
  throw new InputError(`${out} holds a training, whose model would be replaced; give another --out, or --force`);
}
