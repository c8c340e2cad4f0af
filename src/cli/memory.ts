/** `memorizing memory serve` and `memorizing memory forget`: a memory that several machines hold. */
import process from "node:process";
import { InputError } from "../base/errors.ts";
import type { Exchange } from "../cluster/exchange.ts";
import { forgetOldest, servedModels } from "../cluster/memory/manifest.ts";
import { openTransport } from "../cluster/memory/open-transport.ts";
import { SEGMENT_PAIRS } from "../memory/served/cut.ts";
import { holdFiles, serve } from "../memory/served/serve.ts";
import { ProgressLine, wholeNumber } from "../report/progress.ts";
import { command } from "./arguments/command.ts";
import { integer, type Option, required, text } from "./arguments/options.ts";
import { clusterOptions, requireExchange, WHERE_HELP, withExchange } from "./cluster-options.ts";
import { ending } from "./ending.ts";
import { printLine } from "./printing.ts";
import { summaries } from "./summaries.ts";
import { startThreads, threadsOption } from "./threads.ts";

const MOST_SHARES = 4096;

/** `2/4`: the second of four. */
const shareOption: Option<{ readonly index: number; readonly count: number }> = {
  placeholder: "I/N",
  about: "serves every N-th segment of the files; I, from 1 to N, says which [1/1]",
  read(texts, name, command) {
    const given = texts.at(-1) ?? "1/1";
    const [, index, count] = (/^(\d{1,4})\/(\d{1,4})$/.exec(given) ?? []).map(Number);
    if (index >= 1 && index <= count && count <= MOST_SHARES) return { index: index - 1, count };
    throw new InputError(
      `${command}: ${name} must be I/N, with I from 1 to N and N at most ${MOST_SHARES}, not "${given}"`,
    );
  },
};

const placeOption = required(text("WHERE", "nats://HOST:4222, or a directory, where readers find the memory"));

export const memoryServeCommand = command(
  {
    name: "memorizing memory serve",
    summary: summaries["memory serve"],
    operands: ["FILE…"],
    options: {
      cluster: placeOption,
      share: shareOption,
      segment: integer(`pairs of a segment [${SEGMENT_PAIRS}]`, 1, 2 ** 24),
      credentials: clusterOptions.credentials,
      threads: threadsOption,
    },
    details: () =>
      'FILE is a memory that "memorizing read" saved. It is appended to the memory that its model has at WHERE, unless\n' +
      "that was done before, and this process answers for it until Ctrl-C. Every machine serves files of its own, or with\n" +
      `--share its part of the same ones. Commands with --memory-at look up all of them.\n\n${WHERE_HELP}`,
  },
  async ({ cluster, share, segment = SEGMENT_PAIRS, credentials, threads }, files) => {
    const progress = new ProgressLine(process.stderr);
    const end = new AbortController();
    void ending().then(() => end.abort());
    await startThreads(threads);
    const warn = (sentence: string) => progress.note(sentence);
    await withExchange(cluster, { credentials, warn }, async (exchange) => {
      const served = await holdFiles(exchange, { files, segmentPairs: segment, share });
      const transport = await openTransport(cluster, credentials);
      const onChange = (pairs: number) =>
        progress.note(`serves ${wholeNumber(pairs)} pairs at ${exchange.name}, until Ctrl-C`);
      try {
        await serve(exchange, transport, served, { signal: end.signal, onChange });
      } finally {
        await transport.close();
        served.shard.release();
      }
    });
    return 0;
  },
);

export const memoryForgetCommand = command(
  {
    name: "memorizing memory forget",
    summary: summaries["memory forget"],
    options: {
      cluster: placeOption,
      model: text("DIGEST", "fingerprint of the model whose memory it is [the only one there]"),
      segments: integer("segments to drop, oldest first [1]", 1, 2 ** 24),
      credentials: clusterOptions.credentials,
    },
    details: () =>
      `Those who serve them let them go a minute later; commands that read go on without them.\n\n${WHERE_HELP}`,
  },
  async ({ cluster, model, segments = 1, credentials }) => {
    requireExchange(cluster, "its servers");
    await withExchange(cluster, { credentials }, async (exchange) => {
      const left = await forgetOldest(exchange, model ?? (await onlyModel(exchange)), segments);
      printLine(`${wholeNumber(left)} pairs are left`);
    });
    return 0;
  },
);

/** The model of the only memory at an exchange. */
async function onlyModel(exchange: Exchange): Promise<string> {
  const models = await servedModels(exchange);
  if (models.length === 1) return models[0];
  const there = models.length === 0 ? "no memory" : `memories of ${models.join(", ")}; choose one with --model`;
  throw new InputError(`${exchange.name} has ${there}`);
}
