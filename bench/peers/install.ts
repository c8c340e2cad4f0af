/**
 * Installs the JavaScript peers, pinned, into `.bench-peers/`, since the package does not depend on them. All are optional, so
 * if one does not build on a machine, the others still run; it is reported as missing.
 *
 * The Python peers are Debian's own packages. They come with the reference BLAS, some twenty times slower than the one that
 * fast programs use. So they get Debian's OpenBLAS, unpacked next to the others.
 */
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { writeFileAtomic } from "../../src/platform/atomic-write.ts";
import { makeDirectory } from "../../src/platform/directories.ts";
import { blasFolder, peersFolder } from "../places.ts";
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
    "onnxruntime-web": "1.30.0",
    usearch: "2.25.3",
  },
};

/** Installs the missing packages of the peers called `names`. */
export function installPeers(names: ReadonlySet<string>, say: (line: string) => void): void {
  const python = [...names].filter(isPython);
  if (python.length < names.size) installPackages(say);
  if (python.length > 0 && !existsSync(blasFolder)) unpackOpenBlas(say);
}

function installPackages(say: (line: string) => void): void {
  const path = join(peersFolder, "package.json");
  const text = `${JSON.stringify(manifest, null, 2)}\n`;
  const done = existsSync(join(peersFolder, "node_modules", ".package-lock.json"));
  if (done && existsSync(path) && readFileSync(path, "utf8") === text) return;
  say("installing the peers into .bench-peers (about 400 MB) …");
  writeFileAtomic(path, text);
  if (!succeeds(["npm", "install", "--no-audit", "--no-fund", "--no-package-lock"], peersFolder)) {
    say("npm could not install the peers; those that are missing are left out");
  }
}

/** Downloads and unpacks OpenBLAS. Needs apt and dpkg, but not root. */
function unpackOpenBlas(say: (line: string) => void): void {
  const folder = join(peersFolder, "openblas");
  makeDirectory(folder);
  say("fetching OpenBLAS for the Python peers …");
  const fetched = succeeds(["apt-get", "download", "libopenblas0-pthread"], folder);
  if (!fetched || !succeeds(["sh", "-c", "dpkg -x libopenblas0-pthread_*.deb . && rm *.deb"], folder)) {
    say("no OpenBLAS could be fetched; the Python peers use the system's BLAS");
  }
}

function succeeds([program, ...rest]: string[], cwd: string): boolean {
  return spawnSync(program, rest, { cwd, stdio: ["ignore", 2, 2] }).status === 0;
}
