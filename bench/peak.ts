/**
 * The peak of one thread of this machine in this engine: multiply-adds that never leave the registers, memory copies
 * at several footprints, and reads. It is measured in the same run as the kernels, which are reported as shares of it.
 */
import asc from "assemblyscript/asc";

export interface Peak {
  /** Multiply-add throughput, GFLOP/s. */
  readonly gflops: number;
  /** The same of whole numbers of 8 bits (16 in the plain build), added up in 32; multiplications and additions are counted. */
  readonly gops: number;
  /** Bandwidth of reading far more than any cache holds. */
  readonly reads: number;
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
  const dot = (a: string) =>
    relaxed
      ? `${a} = i32x4.relaxed_dot_i8x16_i7x16_add_s(${a}, x, y);`
      : `${a} = i32x4.add(i32x4.dot_i16x8_s(${a}, x), y);`;
  return `
export function multiplyAdds(times: i32, factor: f32, addend: f32): f32 {
  const x = f32x4.splat(factor), y = f32x4.splat(addend);
  let ${chains.map((a, i) => `${a} = f32x4.splat(${i})`).join(", ")};
  for (let i = 0; i < times; i++) { ${chains.map(step).join(" ")} }
  return f32x4.extract_lane(${chains.reduce((sum, a) => `f32x4.add(${sum}, ${a})`)}, 0);
}
export function dots(times: i32, factor: i32, addend: i32): i32 {
  const x = i32x4.splat(factor), y = i32x4.splat(addend);
  let ${chains.map((a, i) => `${a} = i32x4.splat(${i})`).join(", ")};
  for (let i = 0; i < times; i++) { ${chains.map(dot).join(" ")} }
  return i32x4.extract_lane(${chains.reduce((sum, a) => `i32x4.add(${sum}, ${a})`)}, 0);
}
export function read(from: usize, bytes: usize): i32 {
  let a = i32x4.splat(0), b = a, c = a, d = a;
  for (const end = from + bytes; from < end; from += 64) {
    a = v128.xor(a, v128.load(from)); b = v128.xor(b, v128.load(from, 16));
    c = v128.xor(c, v128.load(from, 32)); d = v128.xor(d, v128.load(from, 48));
  }
  return i32x4.extract_lane(v128.xor(v128.xor(a, b), v128.xor(c, d)), 0);
}
export function copy(to: usize, from: usize, bytes: usize): void { memory.copy(to, from, bytes); }`;
}

interface PeakKernels {
  multiplyAdds(times: number, factor: number, addend: number): number;
  dots(times: number, factor: number, addend: number): number;
  read(from: number, bytes: number): number;
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
  const operations = (relaxed ? 4 : 2) * flops; // a lane of 32 bits takes four products of 8 bits, or two of 16
  const gops = operations / fastest(() => kernels.dots(times, 0x01020304, 5)) / 1e6;
  const most = FOOTPRINTS[FOOTPRINTS.length - 1];
  const reads = most / fastest(() => kernels.read(0, most)) / 1e6;
  const copies = FOOTPRINTS.map((footprint) => {
    const half = footprint / 2;
    const repeats = Math.max(1, 2 ** 26 / footprint);
    const ms = fastest(() => {
      for (let i = 0; i < repeats; i++) kernels.copy(half, 0, half);
    });
    return { footprint, gbps: (footprint * repeats) / ms / 1e6 };
  });
  return { gflops, gops, reads, copies };
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
