/**
 * Imports a package of `.bench-peers/`. Their types are not installed with ours, so each peer's file declares the few
 * functions of it that it calls.
 */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { peersFolder } from "../places.ts";

const require = createRequire(join(peersFolder, "package.json"));

/** Returns the CommonJS entry of `name`. Throws if the peer is not installed. */
export function requirePeer<Module>(name: string): Module {
  return require(name) as Module;
}

/** Imports a file of a package that is an ES module. */
export async function importPeer<Module>(name: string, file: string): Promise<Module> {
  return (await import(pathToFileURL(join(peersFolder, "node_modules", name, file)).href)) as Module;
}

export function peerVersion(name: string): string {
  const path = join(peersFolder, "node_modules", name, "package.json");
  return (JSON.parse(readFileSync(path, "utf8")) as { version: string }).version;
}
