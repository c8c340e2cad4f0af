/**
 * Describes the machine and the engine that the numbers were measured on.
 */
import { cpus, platform, release, totalmem } from "node:os";
import { execArgv, versions } from "node:process";
import type { KernelBuild } from "../src/wasm/build.ts";

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memory_gb: number;
  readonly system: string;
}

export interface Runtime {
  readonly name: "node" | "deno";
  readonly version: string;
  readonly v8: string;
  /** The build of our kernels that this engine runs. */
  readonly kernels: KernelBuild;
  readonly flags: readonly string[];
}

export function thisMachine(): Machine {
  return {
    cpu: cpus()[0].model,
    cores: cpus().length,
    memory_gb: Math.round(totalmem() / 2 ** 30),
    system: `${platform()} ${release()}`,
  };
}

export function thisRuntime(kernels: KernelBuild): Runtime {
  const { deno } = versions as Record<string, string | undefined>;
  return {
    name: deno === undefined ? "node" : "deno",
    version: deno ?? versions.node,
    v8: versions.v8,
    kernels,
    flags: execArgv,
  };
}
