/** `memorizing serve`: answers programs of this machine through OpenAI's interface, with memories over HTTP. */

import { basename, resolve } from "node:path";
import process from "node:process";
import { InputError } from "../base/errors.ts";
import { ProgressLine } from "../report/progress.ts";
import { MemoryDirectory } from "../serve/memory-directory.ts";
import { templateAt } from "../serve/model-template.ts";
import { ServedModel } from "../serve/served-model.ts";
import { ApiServer } from "../serve/server.ts";
import { modelDirectory } from "../train/model-directory.ts";
import { command } from "./arguments/command.ts";
import { integer, text } from "./arguments/options.ts";
import { ending } from "./ending.ts";
import { loadOption } from "./memories.ts";
import { MODEL_HELP, openForReading, readingOptions } from "./models.ts";
import { printError, printLine } from "./printing.ts";
import { summaries } from "./summaries.ts";
import { startThreads, threadsOption } from "./threads.ts";

const PORT = 8080;
const MIB = 2 ** 20;

export const serveCommand = command(
  {
    name: "memorizing serve",
    summary: summaries.serve,
    operands: ["MODEL"],
    options: {
      port: integer(`port of 127.0.0.1, 0 for a free one [${PORT}]`, 0, 65_535),
      load: loadOption("requests that name no memory begin with it"),
      memories: text("DIR", "where named memories are kept, NAME.memory.safetensors [there are none]"),
      memory: integer("memory size, 0 for none [that of the model, or of --load]", 0, 2 ** 24),
      queue: integer("requests that may wait for their turn [128]", 0, 2 ** 16),
      maxBody: integer(`bytes that a request may send [${MIB}]`, 1, 2 ** 28),
      maxTokens: integer("tokens that a request may ask for [4096]", 1, 2 ** 20),
      timeout: integer("seconds that an answer may take, waiting included [600]", 1, 2 ** 20),
      ...readingOptions,
      threads: threadsOption,
    },
    details: () =>
      `${MODEL_HELP}\n` +
      "It answers at /v1/models, /v1/completions, /v1/chat/completions and /v1/memories until Ctrl-C, or kill.",
  },
  async (
    {
      port = PORT,
      load,
      memories,
      memory,
      queue = 128,
      maxBody = MIB,
      maxTokens = 4096,
      timeout = 600,
      threads,
      ...reading
    },
    [directory],
  ) => {
    const progress = new ProgressLine(process.stderr);
    const { model, tokenizer, known } = openForReading(directory, reading, progress, load);
    progress.end();
    const id = basename(resolve(directory)).replace(/\.gguf$/i, "");
    const template = () => templateAt(modelDirectory(directory));
    const served = new ServedModel({ id, model, tokenizer, memorySize: memory, known, template });
    const server = new ApiServer({
      model: served,
      memories: memories === undefined ? undefined : new MemoryDirectory(memories),
      limits: { queue, bodyBytes: maxBody, tokens: maxTokens, seconds: timeout },
      onFault: (error) => printError(faultText(error)),
    });
    await startThreads(threads);
    const listening = await server.listen(port);
    printLine(`${id} answers at http://127.0.0.1:${listening}/v1`);
    await ending();
    await server.close();
    served.release();
    return 0;
  },
);

/** What the log says of a fault: where it happened, if it is one of this program. */
function faultText(error: unknown): string {
  if (error instanceof InputError) return error.message;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
