/**
 * Chooses the build of the kernels that this engine runs. Nothing is loaded for that: the engine validates a module of a few
 * bytes. The environment is read only where that needs no permission, so importing this file never asks for one.
 */
import { InputError } from "../base/errors.ts";
import { show } from "../base/show.ts";

/** The builds of one source: `relaxed` has fused multiply-add, `plain` runs on every engine with SIMD. */
export type KernelBuild = "plain" | "relaxed";

/** The environment variable that, set to `plain`, makes results bit-identical on every engine. */
const VARIABLE = "MEMORIZING_KERNELS";

/** Modules of one function, `() => v128`: magic and version, its type, the function, its code. */
const PROBES = {
  /** i8x16.splat(0) */
  plain: probe(0x41, 0, 0xfd, 0x0f),
  /** f32x4.relaxed_madd(0, 0, 0) on three such splats; Node 20 lacks it. */
  relaxed: probe(0x41, 0, 0xfd, 0x0f, 0x41, 0, 0xfd, 0x0f, 0x41, 0, 0xfd, 0x0f, 0xfd, 0x85, 0x02),
};

function probe(...code: number[]): Uint8Array<ArrayBuffer> {
  const head = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 1, 5, 1, 0x60, 0, 1, 0x7b, 3, 2, 1, 0];
  return Uint8Array.from([...head, 10, code.length + 4, 1, code.length + 2, 0, ...code, 0x0b]);
}

/** Whether this engine runs a build. */
function runs(build: KernelBuild): boolean {
  return typeof WebAssembly === "object" && WebAssembly.validate(PROBES[build]);
}

interface Globals {
  readonly process?: { readonly env?: Record<string, string | undefined> };
  readonly Deno?: { readonly permissions: { querySync(query: object): { readonly state: string } } };
}

/** The build that the environment asks for. Not read where that needs permission: Deno would prompt its user, or throw. */
function requestedBuild(): string | undefined {
  const { process, Deno } = globalThis as Globals;
  const state = Deno?.permissions.querySync({ name: "env", variable: VARIABLE }).state ?? "granted";
  return state === "granted" ? process?.env?.[VARIABLE] : undefined;
}

/** The build of the kernels that runs: the fastest that this engine supports, or `plain` if the environment says so. */
export const build: KernelBuild = requestedBuild() === "plain" || !runs("relaxed") ? "plain" : "relaxed";

/** @throws InputError if this engine cannot run the kernels, or the environment asks for something else than a build that it runs */
export function requireWebAssembly(): void {
  const asked = requestedBuild() || undefined; // an empty one is as good as none
  if (asked !== undefined && asked !== build) {
    const known = runs("relaxed") ? "plain or relaxed" : "plain, since this engine lacks relaxed SIMD";
    throw new InputError(`${VARIABLE} is ${show(asked)}; it can be ${known}`);
  }
  if (runs("plain")) return;
  const missing =
    typeof WebAssembly === "object" ? "its 128-bit SIMD, which this engine lacks" : "which is missing here";
  throw new InputError(`the kernels need WebAssembly, ${missing}; Node must run without --jitless`);
}
