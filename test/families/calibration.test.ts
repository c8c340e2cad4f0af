/** Where a model has its memory by default: a calibration's file, or what comes with this program. */
import * as assert from "uvu/assert";
import { calibrationOf, calibrationPath, FORMAT, parseCalibration } from "../../src/families/calibration.ts";
import { knownMemories } from "../../src/families/known-memories.ts";
import { settingsOf } from "../../src/families/open-foreign.ts";
import { suite } from "../harness.ts";
import { describe } from "./golden-models.ts";

const test = suite("calibrations");

const written = { format: FORMAT, model: "a1", memory_layers: "1:0,2", neighbours: 8, measured: { any: "thing" } };

test("a small example, written out: a file that names heads and a number of neighbours", () => {
  const { name, model, places, neighbours, reach } = parseCalibration(written, "memory.json");
  assert.equal([name, model, places, neighbours, reach], ["memory.json", "a1", [[1, 0], 2], 8, undefined]);
  assert.is(calibrationPath("models/llama", true), "models/llama/memory.json");
  assert.is(calibrationPath("models/llama.gguf", false), "models/llama.memory.json");
  assert.is(calibrationPath("models/LLAMA.GGUF", false), "models/LLAMA.memory.json");
  assert.is(calibrationPath("models/blob", false), "models/blob.memory.json");
});

test("options go before a calibration, and a calibration before what is usual", () => {
  const architecture = describe("llama", { num_hidden_layers: 3, max_position_embeddings: 600 });
  const model = { architecture, trained: undefined };
  const calibration = parseCalibration(written, "memory.json");
  const usual = settingsOf(model, {});
  assert.equal([usual.memoryHeads.length, usual.neighbours, usual.reach], [6, 32, 300]);
  const read = parseCalibration({ ...written, window: 128, memory_dtype: "float16" }, "memory.json");
  const { window, memoryDtype } = settingsOf(model, {}, read);
  assert.equal([window, memoryDtype], [128, "float16"]);
  assert.is(settingsOf(model, { window: 64 }, read).window, 64);
  const found = settingsOf(model, {}, calibration);
  assert.equal(found.memoryHeads, [
    [1, 0],
    [2, 0],
    [2, 1],
  ]);
  assert.equal([found.neighbours, found.reach], [8, 300]);
  assert.is(settingsOf(model, { neighbours: 5 }, calibration).neighbours, 5);
  const all = settingsOf(model, { memoryLayers: "all" }, calibration);
  assert.equal([all.memoryHeads.length, all.neighbours], [6, 32]);
});

test("what comes with this program can be read, and is found by the model's fingerprint alone", () => {
  assert.ok(knownMemories.length > 0);
  for (const { name, model, weights, found } of knownMemories) {
    const calibration = calibrationOf(undefined, model);
    assert.ok(calibration && calibration.places !== "all" && calibration.places.length > 0, name);
    assert.equal([calibration.name, calibration.model], [name, model]);
    assert.ok(Number.isSafeInteger(weights) && found.memory_layers.includes(":"), name);
  }
  assert.is(calibrationOf(undefined, "0123456789abcdef"), undefined);
  const own = parseCalibration({ ...written, model: knownMemories[0].model }, "memory.json");
  assert.is(calibrationOf(own, knownMemories[0].model), own, "a file goes before it");
});
