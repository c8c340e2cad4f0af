/**
 * Installs the peers, pinned, into `.bench-peers/`, since the package does not depend on them. All are optional, so if one
 * cannot be installed on a machine, the others still run; it is reported as missing. Python's are in python.ts.
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { writeFileAtomic } from "../../src/platform/atomic-write.ts";
import { makeDirectory } from "../../src/platform/directories.ts";
import { peersFolder } from "../places.ts";
import { succeeds } from "./command.ts";
import { installPython } from "./python.ts";
import { isPython } from "./registry.ts";

const manifest = {
  private: true,
  description: "What the benchmarks compare with; written by bench/peers/install.ts",
  optionalDependencies: {
    "@jax-js/jax": "0.1.25",
    "@tensorflow/tfjs-backend-wasm": "4.22.0",
    "@tensorflow/tfjs-core": "4.22.0",
    "hnswlib-node": "3.0.0",
    // A Node with relaxed SIMD, for measurements started from an older one.
    node: "24.21.0",
    // A newer one asks for builds that the registry may lack.
    "node-llama-cpp": "3.21.1",
    "onnxruntime-web": "1.30.0",
    usearch: "2.25.3",
  },
};

/** Installs the missing packages of the peers called `names`. */
export function installPeers(names: ReadonlySet<string>, say: (line: string) => void): void {
  const python = [...names].filter(isPython);
  makeDirectory(peersFolder);
  if (python.length < names.size) installPackages(say);
  if (python.length > 0) installPython(say);
}

function installPackages(say: (line: string) => void): void {
  const path = join(peersFolder, "package.json");
  const text = `${JSON.stringify(manifest, null, 2)}\n`;
  const done = existsSync(join(peersFolder, "node_modules", ".package-lock.json"));
  if (done && existsSync(path) && readFileSync(path, "utf8") === text) return;
  say("installing the peers from npm into .bench-peers (about 1.2 GB) …");
  writeFileAtomic(path, text);
  if (!succeeds(["npm", "install", "--no-audit", "--no-fund", "--no-package-lock"], peersFolder)) {
    say("npm could not install the peers; those that are missing are left out");
  }
}
