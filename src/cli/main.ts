#!/usr/bin/env node
/**
 * The entry of the command line: says in one sentence what the program would need and does not find, and starts it otherwise.
 * It imports nothing of the program before that, so that it runs wherever a Node does.
 */
import process from "node:process";

/** The first Node with `process.getBuiltinModule`, as [major, minor]. */
const NEEDED = [20, 16];

/** Returns what keeps the program from running; undefined if nothing does. */
function obstacle(): string | undefined {
  const { deno, node } = process.versions;
  const [major, minor] = node.split(".").map(Number);
  if (deno === undefined && (major < NEEDED[0] || (major === NEEDED[0] && minor < NEEDED[1]))) {
    return `memorizing needs Node ${NEEDED.join(".")} or newer, and this is Node ${node}`;
  }
  return undefined;
}

/** Returns why the program's own files cannot be read; undefined if the reason is none of the system's. */
function whyNotLoaded(error: unknown): string | undefined {
  switch ((error as NodeJS.ErrnoException).code) {
    case "EMFILE":
      return "too few files may be open at once to load the program; raise the limit (ulimit -n 256)";
    case "ERR_ACCESS_DENIED":
      return "the program may not read its own files; permit it (--allow-fs-read=*)";
    default:
      return undefined;
  }
}

function refuse(sentence: string): void {
  process.stderr.write(`${sentence}\n`);
  process.exitCode = 1;
}

const missing = obstacle();
if (missing !== undefined) refuse(missing);
else {
  await import("./program.ts").catch((error) => {
    const reason = whyNotLoaded(error);
    if (reason === undefined) throw error;
    refuse(reason);
  });
}
