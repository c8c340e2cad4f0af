/**
 * A copy of the project in which things can be broken: it takes a mutant in, builds as little as possible, runs the tests that
 * are about it, and puts everything back. The checkout itself is never touched. TypeScript is compiled by `tsc`, which sees
 * errors of type; of the kernels only the one binary that this engine uses is built.
 */
import { spawn, spawnSync } from "node:child_process";
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import process from "node:process";
import asc from "assemblyscript/asc";
import { build } from "../../src/wasm/build.ts";
import type { Mutant } from "./mutants.ts";

/** Outcome of a mutant; `invalid`: it does not compile, or compiles to the very same program. */
export type Fate = "caught" | "timed out" | "survived" | "invalid";

export interface Outcome {
  readonly fate: Fate;
  /** The test that failed first. */
  readonly test?: string;
}

const COPIED = ["src", "test", "assembly", "asconfig.json", "tsconfig.json", "package.json", "README.md", "docs"];
const GENERATED = `dist/src/wasm/${build}.generated.js`;

/** The tests of one file take some seconds of a processor; what takes so much more does not end. */
const PROCESSOR_SECONDS = 60;
/** For what waits without computing. Seconds in which this process itself was stopped do not count. */
const WAITING_SECONDS = 1800;

export class Workshop {
  readonly folder = fs.mkdtempSync(join(tmpdir(), "mutation-"));
  /** The unbroken kernels, as the mutants' are built. */
  private wasm: Uint8Array = new Uint8Array(0);

  /** Copies the project at `root` and builds it. */
  async open(root: string): Promise<void> {
    const filter = (path: string) => basename(path) !== "node_modules"; // of the tools in test/bundlers
    for (const name of COPIED) fs.cpSync(join(root, name), this.at(name), { recursive: true, filter });
    fs.symlinkSync(join(root, "node_modules"), this.at("node_modules"));
    fs.mkdirSync(this.at("tmp"));
    if (!this.compileTypeScript()) throw new Error("the project does not compile before anything is broken");
    const wasm = await this.compileKernels();
    if (wasm === undefined) throw new Error("the kernels do not compile before anything is broken");
    this.wasm = wasm;
    this.embed(wasm);
  }

  close(): void {
    fs.rmSync(this.folder, { recursive: true, force: true });
  }

  private at(name: string): string {
    return join(this.folder, name);
  }

  /** Has `tests` judge the mutant. */
  async judge(mutant: Mutant, tests: readonly string[]): Promise<Outcome> {
    const source = fs.readFileSync(this.at(mutant.file), "utf8");
    const lines = source.split("\n");
    lines[mutant.line - 1] = mutant.after;
    fs.writeFileSync(this.at(mutant.file), lines.join("\n"));
    const putBack = await this.build(mutant.file);
    fs.writeFileSync(this.at(mutant.file), source);
    if (putBack === undefined) return { fate: "invalid" };
    const outcome = await this.runTests(tests);
    putBack();
    return outcome;
  }

  /** Builds what `file` is part of. Returns what undoes that in dist; undefined if there is nothing to test. */
  private async build(file: string): Promise<(() => void) | undefined> {
    if (file.startsWith("assembly/")) {
      const wasm = await this.compileKernels();
      if (wasm === undefined || Buffer.compare(wasm, this.wasm) === 0) return undefined;
      this.embed(wasm);
      return () => this.embed(this.wasm);
    }
    const emitted = this.at(`dist/${file.replace(/ts$/, "js")}`);
    const whole = fs.readFileSync(emitted);
    const putBack = () => fs.writeFileSync(emitted, whole);
    if (this.compileTypeScript() && Buffer.compare(whole, fs.readFileSync(emitted)) !== 0) return putBack;
    putBack();
    return undefined;
  }

  /** Compiles what changed since the last time; false if there is an error. A variable left unused is none. */
  private compileTypeScript(): boolean {
    const options = ["--incremental", "--tsBuildInfoFile", "built.json", "--declaration", "false"];
    const lenient = ["--noUnusedLocals", "false", "--noUnusedParameters", "false", "--noImplicitReturns", "false"];
    const tsc = this.at("node_modules/typescript/bin/tsc");
    return spawnSync(process.execPath, [tsc, ...options, ...lenient], { cwd: this.folder }).status === 0;
  }

  /** Compiles with few optimisations, which takes a second instead of five; undefined if there is an error. */
  private async compileKernels(): Promise<Uint8Array | undefined> {
    let wasm: Uint8Array | undefined;
    const config = ["--config", "asconfig.json", "--target", build, "--optimizeLevel", "1"];
    const files = ["assembly/index.ts", "--baseDir", this.folder, "--outFile", "kernels.wasm", "--bindings", "raw"];
    const { error } = await asc.main([...files, ...config], {
      readFile: (name, base) => {
        const path = join(base, name);
        return fs.existsSync(path) ? fs.readFileSync(path, "utf8") : null;
      },
      writeFile: (name, data) => {
        if (name.endsWith(".wasm")) wasm = Uint8Array.from(data as Uint8Array);
      },
      listFiles: () => [],
    });
    return error === null ? wasm : undefined;
  }

  /** Puts these kernels into the copy. */
  private embed(wasm: Uint8Array): void {
    const path = this.at(GENERATED);
    const text = fs.readFileSync(path, "utf8");
    fs.writeFileSync(path, text.replace(/"[^"]*"/, `"${Buffer.from(wasm).toString("base64")}"`));
  }

  /** Runs the tests of the copy as it is, up to the first failure. */
  async runTests(tests: readonly string[]): Promise<Outcome> {
    const limited = ["-c", 'ulimit -t "$0" && exec "$@"', String(PROCESSOR_SECONDS)];
    const child = spawn("sh", [...limited, process.execPath, "dist/test/run.js", "--bail", ...tests], {
      cwd: this.folder,
      env: { ...process.env, TMPDIR: this.at("tmp"), FORCE_COLOR: "0" },
      stdio: ["ignore", "pipe", "ignore"],
    });
    let output = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      output += text;
    });
    let waited = 0;
    const clock = setInterval(() => ++waited > WAITING_SECONDS && child.kill("SIGKILL"), 1000);
    const [code] = await new Promise<[number | null]>((resolve) => child.once("close", (status) => resolve([status])));
    clearInterval(clock);
    if (code === 0) return { fate: "survived" };
    const test = /FAIL\s+(.*"$)/m.exec(output)?.[1].replaceAll(/\s+/g, " ");
    return code === null ? { fate: "timed out" } : { fate: "caught", test };
  }
}
