/**
 * A project that has installed the package: what `npm pack` packs, unpacked into `node_modules` in a path with spaces, with its
 * dependencies and its command. It uses no registry, so it needs no network.
 */
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { root } from "./tools.ts";

/** Makes such a project, and returns its directory. */
export function projectWithPackage(): string {
  const directory = fs.mkdtempSync(join(tmpdir(), "a project with spaces "));
  const modules = join(directory, "node_modules");
  fs.mkdirSync(join(modules, ".bin"), { recursive: true });
  fs.writeFileSync(join(directory, "package.json"), '{ "name": "project", "private": true, "type": "module" }\n');
  run("npm", ["pack", "--ignore-scripts", "--pack-destination", directory], root);
  const [tarball] = fs.readdirSync(directory).filter((name) => name.endsWith(".tgz"));
  run("tar", ["-xzf", tarball], directory);
  fs.renameSync(join(directory, "package"), join(modules, "memorizing-transformer"));
  fs.rmSync(join(directory, tarball));
  const { dependencies, bin } = readJson(join(modules, "memorizing-transformer/package.json"));
  for (const name of Object.keys(dependencies)) {
    fs.cpSync(join(root, "node_modules", name), join(modules, name), { recursive: true });
  }
  const command = join(modules, "memorizing-transformer", bin.memorizing);
  fs.chmodSync(command, 0o755);
  fs.symlinkSync(command, join(modules, ".bin/memorizing"));
  return directory;
}

/** A parsed package.json. */
export function readJson(path: string) {
  return JSON.parse(fs.readFileSync(path, "utf8"));
}

/** Runs a command to its end and returns what it printed; throws what it said if it fails. */
export function run(command: string, args: readonly string[], cwd: string): string {
  const { status, error, stdout, stderr } = spawnSync(command, args, { cwd, encoding: "utf8", maxBuffer: 2 ** 26 });
  if (status !== 0) throw error ?? new Error(`${command} ${args.join(" ")} failed:\n${stdout}\n${stderr}`);
  return stdout;
}
