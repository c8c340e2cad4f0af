/** Writes many lines to a path as the program does: `write-to PATH LINES`. */
import process from "node:process";
import { writeFileAtomic } from "../../src/platform/atomic-write.ts";

const [path, lines] = process.argv.slice(2);
process.stdout.write("standard output is open\n"); // from then on a pipe may refuse to wait
writeFileAtomic(path, "a line that is written\n".repeat(Number(lines)));
