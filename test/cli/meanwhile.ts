/** The program, while another one does something: `meanwhile TEXT SHELL ARGUMENTS…` runs SHELL as soon as it writes TEXT to standard error. */
import { execSync } from "node:child_process";
import process from "node:process";

const [text, shell, ...args] = process.argv.slice(2);
const write = process.stderr.write.bind(process.stderr) as (piece: string) => boolean;
let isDone = false;

process.stderr.isTTY = true;
process.stderr.write = (piece: string | Uint8Array) => {
  if (!isDone && String(piece).includes(text)) {
    isDone = true;
    execSync(shell);
  }
  return write(String(piece));
};
process.argv.splice(2, Infinity, ...args);
await import("../../src/cli/main.ts");
