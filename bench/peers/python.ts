/**
 * Makes the virtual environment of the Python peers, `.bench-peers/python`, with pinned packages.
 *
 * Where none can be made, the peers run in the system's Python. Debian's packages of them come with the reference BLAS, some twenty
 * times slower than the one that fast programs use. So they get Debian's OpenBLAS, unpacked next to the other peers.
 */
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { env } from "node:process";
import { writeFileAtomic } from "../../src/platform/atomic-write.ts";
import { makeDirectory } from "../../src/platform/directories.ts";
import { blasFolder, hasVenv, peersFolder, pythonCommand, venvFolder, venvPython } from "../places.ts";
import { succeeds } from "./command.ts";

/**
 * PyTorch's own index. On Linux its packages are for CPUs alone, where PyPI's bring gigabytes of CUDA.
 * Where it cannot be reached, PyPI is asked.
 */
const TORCH_INDEX = ["--index-url", "https://download.pytorch.org/whl/cpu", "--retries", "0", "--timeout", "20"];

/** Each package, and the sources to install it from, as options of pip, the first that works. */
const requirements: Readonly<Record<string, readonly (readonly string[])[]>> = {
  "numpy==2.4.6": [[]],
  "threadpoolctl==3.8.0": [[]],
  "faiss-cpu==1.15.1": [[]],
  "torch==2.13.0": [TORCH_INDEX, []],
};

/** Lists the packages that the environment has, one a line. */
const STAMP = join(venvFolder, "installed.txt");

/** The Pythons that may make the environment, the first that can: `BENCH_PYTHON` of the environment, or the usual names. */
const candidates = env.BENCH_PYTHON === undefined ? ["python3", "/usr/bin/python3", "python"] : [env.BENCH_PYTHON];

/** Makes the environment, or adds to it what an earlier attempt could not install. */
export function installPython(say: (line: string) => void): void {
  const missing = Object.keys(requirements).filter((requirement) => !installed().includes(requirement));
  if (missing.length === 0) return;
  if (!existsSync(STAMP) && !makeVenv(say)) {
    say("no virtual environment could be made (Debian: apt-get install python3-venv); the system's Python is used");
    if (!existsSync(blasFolder)) unpackOpenBlas(say);
    return;
  }
  say(`installing ${missing.join(", ")} into .bench-peers/python (about 1.2 GB in all) …`);
  for (const requirement of missing) {
    if (install(requirement)) writeFileAtomic(STAMP, [...installed(), requirement, ""].join("\n"));
    else say(`pip could not install ${requirement}; its peers are left out`);
  }
}

function installed(): string[] {
  return existsSync(STAMP) ? readFileSync(STAMP, "utf8").trim().split("\n") : [];
}

function makeVenv(say: (line: string) => void): boolean {
  for (const python of candidates) {
    rmSync(venvFolder, { recursive: true, force: true });
    say(`making .bench-peers/python with ${python} …`);
    if (succeeds([python, "-m", "venv", venvFolder], peersFolder)) return true;
  }
  // What a failed attempt leaves behind may have an interpreter, but no pip.
  rmSync(venvFolder, { recursive: true, force: true });
  return false;
}

function install(requirement: string): boolean {
  const pip = [venvPython, "-m", "pip", "install", "-qq", "--disable-pip-version-check"];
  return requirements[requirement].some((source) => succeeds([...pip, ...source, requirement], peersFolder));
}

/** Downloads and unpacks OpenBLAS. Needs apt and dpkg, but not root. */
function unpackOpenBlas(say: (line: string) => void): void {
  const folder = join(peersFolder, "openblas");
  makeDirectory(folder);
  say("fetching OpenBLAS for the Python peers …");
  const fetched = succeeds(["apt-get", "download", "libopenblas0-openmp"], folder);
  if (!fetched || !succeeds(["sh", "-c", "dpkg -x libopenblas0-openmp_*.deb . && rm *.deb"], folder)) {
    say("no OpenBLAS could be fetched; the Python peers use the system's BLAS");
  }
}

/** Says which Python the peers run in, for the report; undefined if it does not start. */
export function describePython(): string | undefined {
  const [program] = pythonCommand("");
  const { status, stdout } = spawnSync(program, ["--version"], { encoding: "utf8" });
  if (status !== 0) return undefined;
  return `${stdout.trim()}, ${hasVenv() ? "packages of .bench-peers/python" : "the system's, since no virtual environment could be made"}`;
}
