/**
 * The program, to which a signal comes at a moment that does not depend on the machine: `interrupted SIGINT|SIGTERM stdout|stderr TEXT
 * ARGUMENTS…` sends itself the signal as soon as it writes TEXT there. Progress is shown as on a terminal, from the first line on.
 */
import process from "node:process";

const [signal, name, text, ...args] = process.argv.slice(2);
const stream = name === "stdout" ? process.stdout : process.stderr;
const write = stream.write.bind(stream) as (piece: string) => boolean;
let isSent = false;

process.stderr.isTTY = true;
stream.write = (piece: string | Uint8Array) => {
  if (!isSent && String(piece).includes(text)) {
    isSent = true;
    process.kill(process.pid, signal);
  }
  return write(String(piece));
};
process.argv.splice(2, Infinity, ...args);
await import("../../src/cli/main.ts");
