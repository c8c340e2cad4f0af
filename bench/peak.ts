/**
 * The peak of one thread of this machine in this engine: multiply-adds that never leave the registers, and memory copies
 * at several footprints. It is measured in the same run as the kernels, which are reported as shares of it.
 */
import asc from "assemblyscript/asc";

export interface Peak {
  /** Multiply-add throughput, GFLOP/s. */
  readonly gflops: number;
  /** Copy bandwidth, bytes read plus bytes written, by the bytes that the copy touches, ascending. */
  readonly copies: readonly { readonly footprint: number; readonly gbps: number }[];
}

/** Bytes that a copy touches: within a core's cache, within the shared cache, about its size, far more. */
const FOOTPRINTS = [2 ** 18, 2 ** 23, 2 ** 26, 2 ** 28];
const ROUNDS = 20;
const CHAINS = 12;

/**
 * Twelve independent chains a = a·x + y hide the latency and, with x and y, fit the engine's fifteen registers. x and y are
 * arguments, because V8 13 would keep constants, and then the chains, in memory.
 */
function source(relaxed: boolean): string {
  const chains = Array.from({ length: CHAINS }, (_, i) => `a${i}`);
  const step = (a: string) =>
    relaxed ? `${a} = f32x4.relaxed_madd(${a}, x, y);` : `${a} = f32x4.add(f32x4.mul(${a}, x), y);`;
  return `
export function multiplyAdds(times: i32, factor: f32, addend: f32): f32 {
  const x = f32x4.splat(factor), y = f32x4.splat(addend);
  let ${chains.map((a, i) => `${a} = f32x4.splat(${i})`).join(", ")};
  for (let i = 0; i < times; i++) { ${chains.map(step).join(" ")} }
  return f32x4.extract_lane(${chains.reduce((sum, a) => `f32x4.add(${sum}, ${a})`)}, 0);
}
export function copy(to: usize, from: usize, bytes: usize): void { memory.copy(to, from, bytes); }`;
}

interface PeakKernels {
  multiplyAdds(times: number, factor: number, addend: number): number;
  copy(to: number, from: number, bytes: number): void;
}

/** Measures the peak; `relaxed`: with fused multiply-adds, like the relaxed build of the kernels. */
export async function measurePeak(relaxed: boolean): Promise<Peak> {
  const memory = new WebAssembly.Memory({ initial: FOOTPRINTS[FOOTPRINTS.length - 1] / 65536 });
  new Uint8Array(memory.buffer).fill(1);
  const { instance } = await WebAssembly.instantiate(await compile(relaxed), { env: { memory } });
  const kernels = instance.exports as unknown as PeakKernels;

  const times = 1e5;
  const flops = 2 * 4 * CHAINS * times;
  const gflops = flops / fastest(() => kernels.multiplyAdds(times, 0.5, 1)) / 1e6;
  const copies = FOOTPRINTS.map((footprint) => {
    const half = footprint / 2;
    const repeats = Math.max(1, 2 ** 26 / footprint);
    const ms = fastest(() => {
      for (let i = 0; i < repeats; i++) kernels.copy(half, 0, half);
    });
    return { footprint, gbps: (footprint * repeats) / ms / 1e6 };
  });
  return { gflops, copies };
}

/** Returns the shortest time in milliseconds: a peak is the machine's best, not its average. */
function fastest(run: () => void): number {
  let least = Infinity;
  for (let round = 0; round < ROUNDS; round++) {
    const start = performance.now();
    run();
    least = Math.min(least, performance.now() - start);
  }
  return least;
}

async function compile(relaxed: boolean): Promise<Uint8Array<ArrayBuffer>> {
  const { binary, stderr } = await asc.compileString(source(relaxed), {
    runtime: "stub",
    importMemory: true,
    noExportMemory: true,
    optimizeLevel: 3,
    enable: relaxed ? ["simd", "relaxed-simd"] : ["simd"],
  });
  if (!binary) throw new Error(`the peak kernels do not compile: ${stderr.toString()}`);
  return new Uint8Array(binary);
}
