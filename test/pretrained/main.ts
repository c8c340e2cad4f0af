/**
 * Compares SmolLM2 with what an independent program computed: `node dist/test/pretrained/main.js --model FILE [--tokens n]
 * [--weights kind,kind] [setting …]`. `npm run test:models` brings the model first. Mean losses must agree within 0.001 nats, with
 * packed weights, whose products round their input, within 0.005. Both are compared where nothing else is said.
 */
import { existsSync } from "node:fs";
import process from "node:process";
import { parseArgs } from "node:util";
import type { Decoder } from "../../src/families/decoder.ts";
import { type WeightKind, weightKinds } from "../../src/families/weight-kinds.ts";
import { useThreads } from "../../src/wasm/parallel.ts";
import { expectedOf, largestDifference } from "../families/decoder-models.ts";
import { lossesOf, meanFrom, openSmolLM2, settings } from "./smollm2.ts";

const GOLDEN = "../shared/models/smollm2-expected.safetensors";
const TOLERANCE = { float32: 0.001, packed: 0.005 };

const { values, positionals } = parseArgs({
  options: {
    tokens: { type: "string", default: "4096" },
    model: { type: "string" },
    threads: { type: "string" },
    weights: { type: "string", default: "float32,stored" },
  },
  allowPositionals: true,
});

if (values.model === undefined || !existsSync(GOLDEN)) {
  console.log(`skipped: ${values.model === undefined ? "no --model was given" : `${GOLDEN} is not there`}`);
  process.exit();
}

await useThreads(values.threads === undefined ? undefined : Number(values.threads));
const expected = expectedOf(GOLDEN);
const ids = expected.i32("tokens").subarray(0, Number(values.tokens));
for (const name of values.weights.split(",")) {
  const kind = weightKinds.find((each) => each === name);
  if (kind === undefined) throw new Error(`--weights must be some of ${weightKinds.join(", ")}`);
  using model = openSmolLM2(values.model, kind);
  for (const setting of positionals.length > 0 ? positionals : Object.keys(settings)) compare(model, kind, setting);
}

function compare(model: Decoder, kind: WeightKind, setting: string): void {
  const begun = performance.now();
  const title = `${setting}, ${kind} weights`;
  const onSegment = (read: number) => process.stderr.write(`\r${title}: ${read} `);
  const losses = lossesOf(model, ids, settings[setting], onSegment);
  const wanted = expected.f32(setting).subarray(0, losses.length);
  const [mean, goldenMean] = [meanFrom(losses), meanFrom(wanted)];
  const seconds = (performance.now() - begun) / 1000;
  const agrees = Math.abs(mean - goldenMean) < TOLERANCE[kind === "float32" ? kind : "packed"];
  const figures = [
    `mean loss ${mean.toFixed(6)}, golden ${goldenMean.toFixed(6)}`,
    `largest difference of a token ${largestDifference(losses, wanted).toExponential(1)}`,
    `from token 1,024 on ${meanFrom(losses, 1023).toFixed(4)}, golden ${meanFrom(wanted, 1023).toFixed(4)}`,
    `${(losses.length / seconds).toFixed(0)} tokens a second`,
  ];
  console.log(`\r${agrees ? "ok  " : "FAIL"} ${title}: ${figures.join("; ")}`);
  if (!agrees) process.exitCode = 1;
}
