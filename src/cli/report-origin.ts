/** The line in a report that says what made it. */
import { basename, resolve } from "node:path";
import { packageVersion } from "./package.ts";

/** `reader-1m, memorizing-transformer 0.1.0, 2026-11-29` */
export function reportOrigin(model: string): string {
  const today = new Date().toISOString().slice(0, 10);
  return `${basename(resolve(model))}, memorizing-transformer ${packageVersion()}, ${today}`;
}
