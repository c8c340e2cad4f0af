/** For tests of damaged models and checkpoints: edits their files by hand. */
import * as fs from "node:fs";
import { dirname, join } from "node:path";
import { readSafetensors, type StoredTensor, writeSafetensors } from "../../src/formats/safetensors.ts";

/** Deletes checksums.json, as users must who edit a file by hand. */
export function withdrawChecksums(path: string) {
  fs.rmSync(join(dirname(path), "checksums.json"), { force: true });
}

/** Changes the tensors, or the metadata, of a file. */
export function editTensors(
  path: string,
  edit: (tensors: Map<string, StoredTensor>, metadata: Record<string, string>) => void,
) {
  const { tensors, metadata } = readSafetensors(new Uint8Array(fs.readFileSync(path)), path);
  edit(tensors, metadata);
  withdrawChecksums(path);
  fs.writeFileSync(path, writeSafetensors(tensors, metadata));
}

export function editJson(path: string, edit: (json: Record<string, unknown>) => void) {
  const json = JSON.parse(fs.readFileSync(path, "utf8"));
  edit(json);
  withdrawChecksums(path);
  fs.writeFileSync(path, JSON.stringify(json));
}
