/**
 * The process of a JavaScript implementation: answers the harness's requests (protocol.ts) until stdin closes.
 * tinybench holds the stopwatch. The Python twin is peers/serve.py.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { argv, stdin, stdout } from "node:process";
import { createInterface } from "node:readline";
import { Bench } from "tinybench";
import type { Implementation, Task } from "./family.ts";
import type { Answer, Greeting, Request } from "./protocol.ts";

/** The thread count that the harness asked for. */
export const threads = Number(argv[2] ?? 1);

/** The implementation that the harness asked for. */
export const implementationName = argv[3] ?? "";

/** Answers requests with `solve`. Resolves when the harness closes the pipe. */
export async function serve(version: string, solve: Implementation): Promise<void> {
  // Greetings that libraries print must not be mistaken for answers.
  console.log = console.error;
  send({ version });
  let task: Task | undefined;
  for await (const line of createInterface({ input: stdin })) {
    try {
      const request = JSON.parse(line) as Request;
      switch (request.do) {
        case "prepare":
          task = await prepare(request, solve);
          send({ supported: task !== undefined, fallbacks: task?.fallbacks?.() });
          break;
        case "time":
          send({ ms: await meanMilliseconds(task!, request.iterations) });
          break;
        case "release":
          task?.release?.();
          task = undefined;
          send({ supported: true });
      }
    } catch (error) {
      send({ error: error instanceof Error ? error.message : String(error) });
    }
  }
}

/** Builds the task, runs it once and writes its result to the requested file. */
async function prepare(request: Extract<Request, { do: "prepare" }>, solve: Implementation): Promise<Task | undefined> {
  const { family, op, sizes } = request;
  const task = await solve({ family, op, sizes, inputs: request.inputs.map(readFloats), threads });
  if (task === undefined) return undefined;
  await task.run();
  const output = await task.output();
  writeFileSync(request.output, new Uint8Array(output.buffer, output.byteOffset, output.byteLength));
  return task;
}

function readFloats(path: string): Float32Array {
  const bytes = readFileSync(path);
  return new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
}

async function meanMilliseconds(task: Task, iterations: number): Promise<number> {
  const bench = new Bench({ iterations, time: 0, warmup: false, throws: true });
  bench.add("task", () => task.run(), { async: task.asynchronous ?? false });
  await bench.run();
  const { result } = bench.tasks[0];
  if (result.state !== "completed") throw new Error(`tinybench left the task ${result.state}`);
  return result.latency.mean;
}

function send(message: Answer | Greeting): void {
  stdout.write(`${JSON.stringify(message)}\n`);
}
