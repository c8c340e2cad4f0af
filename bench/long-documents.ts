/**
 * How a memory pays in documents that are longer than what a model was trained for, with SmolLM2-135M-Instruct:
 * `node dist/bench/long-documents.js FILE … [--memory-layers all] [--memory 2048,32768] [--windows 512,7680] [--secrets 1]`. Of each
 * file, the first tokens are read, and the last of them judged (judged-end.ts); secrets that were planted in them are asked for
 * behind the last token (secrets.ts). Prints mean losses in nats a token and what was written, as they come, and a table.
 */
import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { argv, cpuUsage, stderr, stdout } from "node:process";
import { InputError } from "../src/base/errors.ts";
import type { DecoderState } from "../src/families/decoder-state.ts";
import { generate } from "../src/model/generate.ts";
import { documentIds } from "../src/nn/language-model.ts";
import { useThreads } from "../src/wasm/parallel.ts";
import { openBenchModel } from "./foreign-model.ts";
import { type JudgedEnd, judgedEnds, restored } from "./judged-end.ts";
import { bringModel } from "./peers/model-file.ts";
import { table } from "./report.ts";
import { runScript, scriptOptions } from "./script.ts";
import { isFound, planted, questionOf, type Secret, secretsOf, sentenceOf } from "./secrets.ts";

/** Tokens that are written after a question. */
const ANSWER = 8;

const { values, positionals } = scriptOptions({
  args: argv.slice(2),
  options: {
    tokens: { type: "string", default: "32768" },
    judged: { type: "string", default: "2048" },
    memory: { type: "string", default: "2048,4096,8192,16384,32768" },
    windows: { type: "string", default: "512,7680" },
    neighbours: { type: "string", default: "" },
    secrets: { type: "string", default: "0" },
    "memory-layers": { type: "string" },
    reach: { type: "string" },
    window: { type: "string" },
    only: { type: "string" },
    threads: { type: "string", default: "1" },
  },
  allowPositionals: true,
});

type Opened = ReturnType<typeof openBenchModel>;

/** Tokens of a document with the one that is only predicted, and how many of them are judged. */
interface Lengths {
  readonly count: number;
  readonly judged: number;
}

const numbers = (list: string) => (list === "" ? [] : list.split(",").map(Number));
const numberOr = (text: string | undefined) => (text === undefined ? undefined : Number(text));

/** What the model writes after a question. `last`: the document's last token, which the state has not read. */
async function answerOf(opened: Opened, state: DecoderState, last: number, secret: Secret): Promise<string> {
  const { model, tokenizer } = opened;
  const prompt = Int32Array.of(last, ...tokenizer.encode(questionOf(secret)));
  let written = "";
  const options = { tokens: ANSWER, temperature: 0 };
  for await (const { text } of generate(model, tokenizer, state, prompt, options)) written += text;
  return written;
}

/** What the model says of each secret after the whole document, each time as if it were asked first. Ends the state's use. */
async function answers(opened: Opened, state: DecoderState, last: number, asked: readonly Secret[]): Promise<string[]> {
  if (asked.length === 1) return [await answerOf(opened, state, last, asked[0])];
  const saved = asked.length === 0 ? undefined : state.save();
  const written: string[] = [];
  for (const secret of asked) {
    using again = restored(opened.model, saved ?? new Map(), { ...state.settings, rows: 1 });
    written.push(await answerOf(opened, again, last, secret));
  }
  return written;
}

/** The document's first tokens, with secrets planted in them. */
function documentOf({ model, tokenizer }: Opened, at: number, { count, judged }: Lengths) {
  const file = positionals[at];
  const hidden = secretsOf(at, { documents: positionals.length, each: Number(values.secrets) });
  const additions = hidden.map(({ secret, depth }) => ({ ids: tokenizer.encode(sentenceOf(secret)), depth }));
  const text = documentIds(model, tokenizer, readFileSync(file, "utf8").slice(0, 8 * count));
  const ids = planted(text, additions, { count, before: count - judged });
  if (ids.length < count) throw new InputError(`${file} has ${ids.length} tokens, but ${count} are wanted`);
  const depths = hidden.map(({ depth }) => `, a secret at ${(100 * depth).toFixed(0)} %`);
  stdout.write(`${basename(file)}, ${count - 1} tokens${depths.join("")}\n`);
  return { ids, asked: hidden.map(({ secret }) => secret) };
}

/** Judges a document, and prints what comes of it: the cells of its line. */
async function judge(opened: Opened, at: number, lengths: Lengths, end: JudgedEnd): Promise<Map<string, string>> {
  const { ids, asked } = documentOf(opened, at, lengths);
  const line = new Map([["document", basename(positionals[at])]]);
  for (const { setting, nats, complete, state } of judgedEnds(opened.model, ids, end)) {
    stdout.write(`  ${setting}: ${nats.toFixed(4)}`);
    const written = complete ? await answers(opened, state, ids[ids.length - 1], asked) : [];
    const found = written.filter((text, i) => isFound(asked[i], text)).length;
    for (const text of written) stdout.write(`; ${JSON.stringify(text)}`);
    stdout.write(`; ${((cpuUsage().user + cpuUsage().system) / 1e6).toFixed(0)} s of processor time\n`);
    line.set(setting, written.length === 0 ? nats.toFixed(3) : `${nats.toFixed(3)}, found ${found} of ${asked.length}`);
  }
  return line;
}

async function main(): Promise<void> {
  if (positionals.length === 0) throw new InputError("give the files of documents");
  if (!bringModel((line) => stderr.write(`${line}\n`)))
    throw new InputError("models/smollm2.sh could not bring the model");
  await useThreads(Number(values.threads));
  const opened = openBenchModel({
    memoryLayers: values["memory-layers"],
    memoryDtype: "float16",
    reach: numberOr(values.reach),
    window: numberOr(values.window),
  });
  const [windows, sizes, neighbours] = [values.windows, values.memory, values.neighbours].map(numbers);
  const lengths = { count: Number(values.tokens) + 1, judged: Number(values.judged) };
  const lines: Map<string, string>[] = [];
  for (const at of positionals.keys()) {
    if (values.only !== undefined && Number(values.only) !== at + 1) continue;
    lines.push(await judge(opened, at, lengths, { judged: lengths.judged, windows, sizes, neighbours }));
  }
  const head = [...(lines.at(0)?.keys() ?? [])];
  const cells = lines.map((line) => head.map((setting) => line.get(setting) ?? ""));
  stdout.write(`\n${table(head, cells, 1)}\n`);
}

await runScript(main);
