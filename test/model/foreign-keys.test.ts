import * as assert from "uvu/assert";
import { parseConfig } from "../../src/model/config.ts";
import { suite } from "../harness.ts";
import { refusal } from "../refusal.ts";

const test = suite("foreign keys");

function refused(json: unknown): string {
  return refusal(() => parseConfig(json, "model/config.json"));
}

test("a small example, written out: one key of another tool", () => {
  assert.is(
    refused({ use_cache: true }),
    "model/config.json: use_cache is another tool's key, which means nothing here; delete it",
  );
});

test("keys of other tools are all named in one sentence, before mistyped ones", () => {
  assert.is(
    refused({ architectures: ["X"], hidden_size: 8, torch_dtype: "float32", transformers_version: "4.40.0" }),
    "model/config.json: architectures, torch_dtype, transformers_version are other tools' keys, which mean nothing here; delete them",
  );
  assert.is(
    refused({ use_cache: true, hidden_sise: 8 }),
    "model/config.json: use_cache is another tool's key, which means nothing here; delete it",
  );
});

test("a configuration of another architecture is refused as such, before its keys", () => {
  assert.is(
    refused({ model_type: "llama", architectures: ["LlamaForCausalLM"], rope_theta: 10000 }),
    'model/config.json: model_type must be "memorizing-transformer", not "llama"',
  );
});
