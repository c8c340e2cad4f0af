/**
 * What is exported, loaded by the real `transformers`: equal bits for every golden directory, equal logits for GGUF files. Skipped
 * without a Python that has torch, transformers and safetensors; MEMORIZING_PYTHON names one.
 */
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { env } from "node:process";
import * as assert from "uvu/assert";
import { noGrad, step } from "../../src/autodiff/tape.ts";
import { tokenizeDocuments } from "../../src/data/corpus.ts";
import { type StoredTensor, writeSafetensors } from "../../src/formats/safetensors.ts";
import { saveModel } from "../../src/train/checkpoint.ts";
import { modelExport } from "../../src/train/export-model.ts";
import { openModel, openModelForTraining } from "../../src/train/open-model.ts";
import { Trainer } from "../../src/train/trainer.ts";
import { folderFor } from "../folder.ts";
import { suite } from "../harness.ts";
import { absent, directories, reference, stories } from "./golden-models.ts";

const test = suite("exported models in transformers");
const folder = folderFor(test, "transformers");

const python = [env.MEMORIZING_PYTHON ?? "python3"].find((command) => {
  return spawnSync(command, ["-c", "import torch, transformers, safetensors"]).status === 0;
});
const reason = absent ?? (python === undefined ? "no Python here has transformers (see MEMORIZING_PYTHON)" : undefined);

const ggufs = ["llama-k", "llama-mixed", "llama-q8_0", "qwen2-q4"];

/** What the script prints for pairs of paths. */
function compared(pairs: readonly (readonly [string, string])[]): (string[] | number)[] {
  const script = join("test", "families", "transformers_peer.py");
  const { status, stdout, stderr } = spawnSync(python!, [script, ...pairs.flat()], { encoding: "utf8" });
  assert.is(status, 0, stderr);
  return JSON.parse(stdout.trimEnd().split("\n").at(-1)!);
}

function exportedTo(name: string, source: string): string {
  modelExport(source)(join(folder, name));
  return join(folder, name);
}

test.unless(reason, "every golden directory is written with the bits that it had", () => {
  const names = Object.keys(directories);
  const pairs = names.map((name) => [exportedTo(name, `${reference}/${name}`), `${reference}/${name}`] as const);
  assert.equal(
    compared(pairs),
    names.map(() => []),
  );
});

test.unless(reason, "a GGUF file becomes a directory with the logits of the golden file", () => {
  const pairs = ggufs.map((name) => {
    return [
      exportedTo(name, `${reference}/gguf/${name}/model.gguf`),
      `${reference}/gguf/${name}/expected.safetensors`,
    ] as const;
  });
  for (const [i, difference] of compared(pairs).entries()) {
    assert.ok(Number(difference) < 2e-4, `${ggufs[i]}: ${difference}`);
  }
});

test.unless(reason, "what was trained has the logits there that it has here", () => {
  for (const learned of ["memory-layers", "all"] as const) {
    const { model, tokenizer } = openModelForTraining(`${stories}/hf`, learned, {
      memoryLayers: [1, 3],
      segment: 16,
      window: 16,
    });
    const documents = tokenizeDocuments([{ name: "story", files: [`${stories}/hf/story.txt`] }], tokenizer, {
      framed: true,
    });
    const trainer = new Trainer(model, documents, { steps: 4, batchSize: 1, warmupSteps: 0 });
    while (!trainer.done) trainer.trainStep();
    const directory = join(folder, learned);
    saveModel(directory, model, tokenizer);
    trainer.release();
    const ids = documents[0].tokens().slice(0, 48);
    const reader = openModel(directory, { segment: 48, memorySize: 0 }).model;
    const state = reader.newState({ rows: 1 });
    const logits = step(() => noGrad(() => reader.forward({ ids }, state).toArray()));
    const tensors = new Map<string, StoredTensor>([
      ["tokens", { dtype: "I32", shape: [1, 48], data: ids }],
      ["logits", { dtype: "F32", shape: [1, 48, 512], data: logits }],
    ]);
    const ours = join(folder, `${learned}.safetensors`);
    writeFileSync(ours, writeSafetensors(tensors));
    const [difference] = compared([[directory, ours]]);
    assert.ok(Number(difference) < 2e-4, `${learned}: ${difference}`);
    for (const part of [state, reader, model]) part.release();
  }
});
