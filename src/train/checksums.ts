/**
 * checksums.json: length and checksum of every file of a checkpoint, written with them. Damage is found before the files are
 * parsed. To edit such a file by hand, delete checksums.json. It finds accidents, not forgeries.
 */
import { digest } from "../base/digest.ts";
import { InputError } from "../base/errors.ts";
import { jsonText, readJson } from "../formats/json-file.ts";
import { exists } from "../platform/files.ts";
import { readFile } from "../platform/read-file.ts";

export const CHECKSUMS = "checksums.json";

/** Length and checksum of a file. */
interface Checksum {
  readonly bytes: number;
  readonly checksum: string;
}

/** Returns `files`, by path and all in `directory`, plus checksums.json. */
export function withChecksums(
  directory: string,
  files: ReadonlyMap<string, Uint8Array | string>,
): Map<string, Uint8Array | string> {
  const noted = [...files].map(([path, content]) => [path.slice(directory.length + 1), checksumOf(content)]);
  return new Map(files).set(`${directory}/${CHECKSUMS}`, jsonText(Object.fromEntries(noted)));
}

/**
 * @param names the files in `directory` that checksums.json must cover; without that file, all files are accepted
 * @throws InputError that names the first file that is missing or not as it was written
 */
export function requireChecksums(directory: string, names: readonly string[]): void {
  const path = `${directory}/${CHECKSUMS}`;
  if (!exists(path)) return;
  const noted = Object(readJson(path));
  for (const name of names) {
    const { bytes, checksum } = Object(noted[name]);
    const damaged = (how: string) =>
      new InputError(`${directory}/${name} is damaged: ${how} since ${path} was written`);
    const check = (_: Uint8Array, size = 0) => {
      if (size !== bytes) throw damaged(`it has ${size} bytes`);
    };
    const found = checksumOf(readFile(`${directory}/${name}`, Infinity, { check }));
    if (found.checksum !== checksum) throw damaged("its content has changed");
  }
}

function checksumOf(content: Uint8Array | string): Checksum {
  const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
  return { bytes: bytes.length, checksum: digest([bytes]) };
}
