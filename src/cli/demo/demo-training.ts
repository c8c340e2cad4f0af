/**
 * The demo that trains from nothing, which `npm run demo:train` runs: the whole thing once, on real text. It chooses the text
 * and runs the other commands, each shown as it would be typed; afterwards every one of them can be tried again with other
 * options.
 */
import { InputError } from "../../base/errors.ts";
import { exists, isDirectory, listDirectory, removeTree } from "../../platform/files.ts";
import type { Command } from "../arguments/command.ts";
import { evalCommand } from "../eval.ts";
import { generateCommand } from "../generate.ts";
import { packageDirectory } from "../package.ts";
import { printText } from "../printing.ts";
import { tokenizerTrainCommand } from "../tokenizer.ts";
import { trainCommand } from "../train.ts";
import { writeDemoCorpus } from "./demo-corpus.ts";

const DIRECTORY = "runs/demo-training";
/** Names of the files that the demo writes there and into its directory `text`. */
const WRITTEN =
  /^(text|training|held-out|checkpoint-\d+|(config|tokenizer)\.json|model\.safetensors|metrics\.jsonl|training\.lock)(\.tmp-.*)?$/;

const INTRODUCTION = `Trains a small Memorizing Transformer on the TypeScript sources in node_modules, then shows what memory does to its
perplexity on packages that it has never seen. Takes two to three minutes on two cores; replaces ${DIRECTORY} each time.
`;

const CONCLUSION = `
The checkpoint and metrics.jsonl are in ${DIRECTORY}, the documents and the tokenizer in ${DIRECTORY}/text.
Each command above can be given again with other options: --help explains them.
`;

/** Resolves to the exit code. */
export async function trainForDemo(force: boolean): Promise<number> {
  removeEarlier(force);
  printText(INTRODUCTION);
  const { training, heldOut, heldOutFiles } = writeDemoCorpus(
    `${packageDirectory()}/node_modules`,
    `${DIRECTORY}/text`,
  );
  const tokenizer = `${DIRECTORY}/text/tokenizer.json`;
  const [document] = heldOutFiles;
  const rates = "--batch-size 16 --learning-rate 0.006 --warmup 50 --attention-rate 5";
  const steps: [Command, string][] = [
    [tokenizerTrainCommand, `--data ${training} --vocab-size 512 --out ${tokenizer}`],
    [
      trainCommand,
      `--data ${training} --tokenizer ${tokenizer} --out ${DIRECTORY} --preset tiny --steps 1100 ${rates}`,
    ],
    [evalCommand, `${DIRECTORY} --data ${heldOut} --memory 0,512,2048,8192 --max-tokens 8192`],
    [generateCommand, `${DIRECTORY} --read ${document} --tokens 200 --temperature 0.7`],
  ];
  for (const [{ name, run }, argv] of steps) {
    printText(`\n$ ${name} ${argv}\n`);
    const exitCode = await run(argv.split(" "));
    if (exitCode !== 0) return exitCode;
  }
  printText(CONCLUSION);
  return 0;
}

/** Removes what an earlier demo wrote. If somebody else put something there, that is done only if `force` says so. */
function removeEarlier(force: boolean): void {
  const foreign = [DIRECTORY, `${DIRECTORY}/text`].flatMap(foreignIn).at(0);
  if (foreign !== undefined && !force) {
    const advice = "move it away, or give --force to remove it";
    throw new InputError(`${foreign} was not written by the demo, which clears ${DIRECTORY} first; ${advice}`);
  }
  if (exists(DIRECTORY)) removeTree(DIRECTORY);
}

function foreignIn(directory: string): string[] {
  const entries = isDirectory(directory) ? listDirectory(directory) : [];
  return entries.filter(({ name }) => !WRITTEN.test(name)).map(({ name }) => `${directory}/${name}`);
}
