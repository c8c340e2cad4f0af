/**
 * Names for what is being written: `NAME.tmp-PID-PLACE-RANDOM`, next to what it will be. Nobody can guess one, and each says
 * which process made it, so that what a killed process left can be told from what a living one still writes.
 */
import { randomBytes } from "node:crypto";
import * as fs from "node:fs";
import { hostname } from "node:os";
import { basename, dirname } from "node:path";
import process from "node:process";
import { digest } from "../base/digest.ts";
import { isRunning, pidNamespace } from "./processes.ts";
import { isDone } from "./system-errors.ts";

/** PLACE is that of the process: only from there can be told whether PID still runs. */
const SUFFIX = /\.tmp-(\d+)-([0-9a-f]{8})-[0-9a-f]{16}$/;
/** As versions up to 0.1 wrote it; their locks had it twice. */
const OLD_SUFFIX = /\.tmp-(\d+)(?:\.tmp-\d+)?$/;

/** Most bytes of a file's name, on nearly every system. */
const LONGEST_NAME = 255;

/** A new name each time. A name that would become too long is cut before the suffix. */
export function temporaryName(path: string): string {
  const suffix = `.tmp-${process.pid}-${place()}-${randomBytes(8).toString("hex")}`;
  const name = basename(path);
  const { read } = new TextEncoder().encodeInto(name, new Uint8Array(LONGEST_NAME - suffix.length));
  return `${dirname(path)}/${name.slice(0, read)}${suffix}`;
}

export interface LeftoverOptions {
  /** Whether leftovers of versions up to 0.1 count as well. */
  readonly old?: boolean;
  /** Whether leftovers of other machines and containers count as well: nobody writes such names without a lock, and this process has it. */
  readonly elsewhere?: boolean;
}

/**
 * Removes from `directory` what ended processes left unfinished of files and directories that `isOurs` names. What cannot be
 * removed stays, and so does whatever a living process may still write.
 */
export function removeLeftovers(
  directory: string,
  isOurs: (name: string) => boolean,
  options: LeftoverOptions = {},
): void {
  if (!fs.existsSync(directory)) return;
  isDone(() => {
    for (const entry of fs.readdirSync(directory, { withFileTypes: true })) {
      if (!(entry.isFile() || entry.isDirectory()) || !isLeftOver(entry.name, isOurs, options)) continue;
      isDone(() => fs.rmSync(`${directory}/${entry.name}`, { recursive: true }));
    }
  });
}

function isLeftOver(
  name: string,
  isOurs: (name: string) => boolean,
  { old = false, elsewhere = false }: LeftoverOptions,
): boolean {
  const [now, before] = [SUFFIX.exec(name), old ? OLD_SUFFIX.exec(name) : null];
  const found = now ?? before;
  if (found === null || !isOurs(name.slice(0, found.index))) return false;
  const pid = Number(found[1]);
  if (now === null) return pid === process.pid || !isRunning(pid); // this process writes no such names
  if (now[2] !== place()) return elsewhere;
  return pid === process.pid ? elsewhere : !isRunning(pid); // under the lock, its number was given away again
}

/** Machine and pid namespace, in eight digits. */
function place(): string {
  const bytes = new TextEncoder().encode(`${hostname()} ${pidNamespace()}`);
  return digest([bytes]).slice(0, 8);
}
