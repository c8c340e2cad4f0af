/** Safetensors files on disk. A file that is none is refused by its first bytes, however large it is. */
import { readFile } from "../platform/read-file.ts";
import { readSafetensors, type SafetensorsFile } from "./safetensors.ts";
import { requireSafetensors } from "./safetensors-layout.ts";

/** Every tensor of the file at `path`. Throws an InputError for anything but a whole and consistent file. */
export function readSafetensorsFile(path: string): SafetensorsFile {
  const check = (beginning: Uint8Array, size = Number.POSITIVE_INFINITY) => {
    requireSafetensors(beginning, size, path);
  };
  return readSafetensors(readFile(path, Infinity, { check }), path);
}
