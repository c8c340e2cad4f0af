/** The size of the built page as a visitor's browser fetches it. */
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";

/** Bytes of the page and its kernels behind gzip; models, samples and the sources that the article links to are not counted. */
export function compressedBytes(folder) {
  const counted = (name) => !/^(?:models|samples|source)\b/.test(name) && statSync(join(folder, name)).isFile();
  const names = readdirSync(folder, { recursive: true }).filter(counted);
  return names.reduce((sum, name) => sum + gzipSync(readFileSync(join(folder, name)), { level: 9 }).length, 0);
}
