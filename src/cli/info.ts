/** `memorizing info`: what a model is, what it needs, and why it cannot be read if it cannot. */
import { printable } from "../base/printable.ts";
import { wholeNumber } from "../report/progress.ts";
import { formatTable } from "../report/table.ts";
import { describeModel, type ModelDescription } from "../train/describe-model.ts";
import { command } from "./arguments/command.ts";
import { flag } from "./arguments/options.ts";
import { MODEL_HELP, weightsOption } from "./models.ts";
import { printJson, printText } from "./printing.ts";
import { summaries } from "./summaries.ts";

export const infoCommand = command(
  {
    name: "memorizing info",
    summary: summaries.info,
    operands: ["MODEL"],
    options: { weights: weightsOption, json: flag("prints it as JSON") },
    details: () => MODEL_HELP,
  },
  async ({ weights, json }, [path]) => {
    const description = describeModel(path, weights);
    if (json) printJson(description);
    else printText(`${formatTable(rowsOf(description), "left")}\n`);
    return 0;
  },
);

function rowsOf(model: ModelDescription): string[][] {
  const { layers, width, heads, key_heads, head_width, mlp_width, vocabulary } = model.sizes;
  const shared = key_heads === heads ? "" : ` on ${key_heads} key heads`;
  return [
    ["family", model.family],
    [
      "sizes",
      `${layers} layers of width ${width}, ${heads} heads${shared} of width ${head_width}, feed-forward ${mlp_width}`,
    ],
    ["vocabulary", `${wholeNumber(vocabulary)} rows`],
    ["context", model.context === null ? "no limit" : `${wholeNumber(model.context)} tokens`],
    ["weights", `${wholeNumber(model.weights)}, stored as ${model.dtypes.join(", ")}`],
    ["bytes", `${wholeNumber(model.bytes)} when loaded as ${model.kept_as}`],
    ["memory", memoryOf(model)],
    ["tokenizer", printable(model.tokenizer)],
    ["chat template", printable(model.chat_template)],
    ...model.notes.map((note) => ["note", printable(note)]),
    ["readable", printable(model.unreadable === null ? "yes" : `no: ${model.unreadable}`)],
  ];
}

function memoryOf({ memory_layers, memory_heads, memory_bytes_per_token }: ModelDescription): string {
  if (memory_layers.length === 0) return "none";
  const bytes = `${wholeNumber(memory_bytes_per_token)} bytes a token`;
  if (!memory_heads.includes(":")) return `in layers ${ranges(memory_layers)}, ${bytes}`;
  return `in ${memory_heads.split(",").length} places (layer, or layer:kv head), ${memory_heads}; ${bytes}`;
}

/** `0-3, 5` */
export function ranges(numbers: readonly number[]): string {
  const parts: [first: number, last: number][] = [];
  for (const number of numbers) {
    const part = parts.at(-1);
    if (part !== undefined && number === part[1] + 1) part[1] = number;
    else parts.push([number, number]);
  }
  return parts.map(([first, last]) => (first === last ? `${first}` : `${first}-${last}`)).join(", ");
}
