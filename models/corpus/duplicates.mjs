/**
 * Finds files that say again what an earlier one has said, such as copies of a library in another package. Two files count as
 * the same if half of their lines are, in whatever order; lines too short to tell anything are not looked at.
 */
import { createHash } from "node:crypto";

const SHORTEST_LINE = 20;
const SAME = 0.5;

export class SeenLines {
  #lines = new Set();

  /** Whether half of the lines of a text stood in texts that were added. */
  has(text) {
    const lines = linesOf(text);
    const again = lines.filter((line) => this.#lines.has(line)).length;
    return lines.length > 0 && again >= SAME * lines.length;
  }

  add(text) {
    for (const line of linesOf(text)) this.#lines.add(line);
  }
}

/** Digests of the different lines of a text, without the spaces around them. */
function linesOf(text) {
  const lines = new Set(text.split("\n").map((line) => line.trim()));
  return [...lines].filter((line) => line.length >= SHORTEST_LINE).map(digest);
}

/** 48 bits: among ten million lines, one chance in six of a single mistake. */
function digest(line) {
  return createHash("md5").update(line).digest().readUIntBE(0, 6);
}
