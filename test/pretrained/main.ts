/**
 * Compares SmolLM2 with what an independent program computed: `node dist/test/pretrained/main.js --model FILE [--tokens n]
 * [--weights kind] [setting …]`. `npm run test:models` brings the model first. Mean losses must agree within 0.001 nats, with packed
 * weights, whose products round their input, within 0.005.
 */
import { existsSync } from "node:fs";
import process from "node:process";
import { parseArgs } from "node:util";
import { weightKinds } from "../../src/families/weight-kinds.ts";
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
    weights: { type: "string", default: "float32" },
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
const kind = weightKinds.find((each) => each === values.weights);
if (kind === undefined) throw new Error(`--weights must be one of ${weightKinds.join(", ")}`);
const tolerance = TOLERANCE[kind === "float32" ? kind : "packed"];
const model = openSmolLM2(values.model, kind);
for (const name of positionals.length > 0 ? positionals : Object.keys(settings)) {
  const begun = performance.now();
  const losses = lossesOf(model, ids, settings[name], (read) => process.stderr.write(`\r${name}: ${read} `));
  const wanted = expected.f32(name).subarray(0, losses.length);
  const [mean, goldenMean] = [meanFrom(losses), meanFrom(wanted)];
  const seconds = (performance.now() - begun) / 1000;
  const agrees = Math.abs(mean - goldenMean) < tolerance;
  const figures = [
    `mean loss ${mean.toFixed(6)}, golden ${goldenMean.toFixed(6)}`,
    `largest difference of a token ${largestDifference(losses, wanted).toExponential(1)}`,
    `from token 1,024 on ${meanFrom(losses, 1023).toFixed(4)}, golden ${meanFrom(wanted, 1023).toFixed(4)}`,
    `${(losses.length / seconds).toFixed(0)} tokens a second`,
  ];
  console.log(`\r${agrees ? "ok  " : "FAIL"} ${name}: ${figures.join("; ")}`);
  if (!agrees) process.exitCode = 1;
}
