/**
 * `memorizing demo`, which `npm start` runs: the model that comes with the program reads the program, within half a minute
 * and offline. Only the texts and sizes are chosen here; what is shown is in demonstration.ts. With `--train` it trains a
 * model from nothing first, see demo-training.ts.
 */
import process from "node:process";
import { duration, ProgressLine, wholeNumber } from "../../report/progress.ts";
import { loadModel, type Pretrained } from "../../train/checkpoint.ts";
import { command } from "../arguments/command.ts";
import { flag } from "../arguments/options.ts";
import { reportPage } from "../outputs/kinds.ts";
import { forceOption, Outputs } from "../outputs/outputs.ts";
import { packageDirectory } from "../package.ts";
import { printText } from "../printing.ts";
import { reportOrigin } from "../report-origin.ts";
import { summaries } from "../summaries.ts";
import { startThreads, threadsOption } from "../threads.ts";
import { type DemoDocuments, demoDocuments } from "./demo-documents.ts";
import { trainForDemo } from "./demo-training.ts";
import { type DemonstrationOptions, demonstrate } from "./demonstration.ts";

const MODEL = "models/reader-1m";
const PAGE = "runs/demo/index.html";

const OPTIONS: Omit<DemonstrationOptions, "origin"> = {
  memorySizes: [0, 512, 2_048, 8_192, 32_768],
  tokens: 6_144,
  mostGained: 6,
  prompt: 'import { InputError } from "../../base/errors.ts";\nimport { heap, kernels } from "',
  writing: { tokens: 60, temperature: 0.6, seed: 1 },
  page: PAGE,
  write: printText,
  progress: new ProgressLine(process.stderr),
};

export const demoCommand = command(
  {
    name: "memorizing demo",
    summary: summaries.demo,
    options: {
      train: flag("trains a model from nothing instead, in minutes"),
      force: forceOption,
      threads: threadsOption,
    },
  },
  async ({ train, force, threads }) => {
    if (train) return trainForDemo(force);
    const began = performance.now();
    new Outputs({ outputs: [{ path: PAGE, kind: reportPage }], force });
    const pretrained = loadModel(`${packageDirectory()}/${MODEL}`);
    const documents = demoDocuments(packageDirectory());
    await startThreads(threads);
    printText(introduction(pretrained, documents));
    await demonstrate(pretrained, documents, { ...OPTIONS, origin: reportOrigin(MODEL) });
    printText(conclusion((performance.now() - began) / 1000));
    return 0;
  },
);

function introduction({ model }: Pretrained, { read, tested }: DemoDocuments): string {
  return `${MODEL}: ${wholeNumber(model.parameters.count)} weights, trained on other people's programs and proofs, and on novels.
It has never seen the sources of this program. Now it reads ${read.length} files of them, and is then tested on ${tested.name}.
`;
}

function conclusion(seconds: number): string {
  return `${PAGE}, for a browser, shows all tokens with what was retrieved for them. That took ${duration(seconds)}.
Try it on a text of your own: memorizing inspect reader-1m FILE --html report.html
`;
}
