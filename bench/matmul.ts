/**
 * Matrix products: how much of the machine's multiply-add peak remains after packing, edges and odd strides?
 *
 * The shapes are those of a training step: a projection forward (A·B), its gradients (A·Bᵀ and Aᵀ·B), attention's batched
 * products, and the one-row product of generation, whose weights lie [out][in].
 */
import { parallelWithScratch } from "../src/wasm/parallel.ts";
import { heap, kernels } from "../src/wasm/runtime.ts";
import { uniform } from "./data.ts";
import type { Case, Family, Problem, Task } from "./family.ts";
import { Buffers } from "./workspace.ts";

function product(op: string, batch: number, m: number, k: number, n: number, about: string): Case {
  return {
    op,
    shape: about,
    sizes: { batch, m, k, n },
    inputs: [uniform(batch * m * k, 1), uniform(batch * k * n, 2)],
    amount: 2 * batch * m * k * n,
    unit: "GFLOP/s",
    tolerance: 1e-5,
  };
}

export const matmul: Family = {
  name: "matmul",
  question: "How much of the multiply-add peak remains after packing, edges and odd strides?",
  cases: [
    product("A·B", 1, 512, 512, 512, "512×512×512 A·B"),
    { ...product("A·B", 1, 512, 1024, 4096, "512×1024×4096 A·B"), slow: true },
    product("A·Bᵀ", 8, 512, 64, 512, "8 heads 512×64×512 Q·Kᵀ"),
    product("A·B", 8, 512, 512, 64, "8 heads 512×512×64 P·V"),
    product("A·Bᵀ", 1, 512, 1024, 1024, "512×1024×1024 A·Bᵀ"),
    product("Aᵀ·B", 1, 1024, 512, 1024, "1024×512×1024 Aᵀ·B"),
    product("x·Wᵀ", 1, 1, 1024, 4096, "1×1024×4096 x·Wᵀ"),
  ],
  ours: { ours: multiply },
  peers: ["tfjs-wasm", "onnxruntime-web", "jax-js", "numpy", "torch"],
};

/** A is [m, k], or [k, m] in Aᵀ·B; B is [k, n], or [n, k] in A·Bᵀ and x·Wᵀ. */
function multiply({ op, sizes, inputs }: Problem): Task {
  const { batch, m, k, n } = sizes;
  const buffers = new Buffers();
  const [a, b] = inputs.map((values) => buffers.copyOf(values));
  const c = buffers.zeros(batch * m * n);
  const [rsa, csa] = op === "Aᵀ·B" ? [1, m] : [k, 1];
  const [rsb, csb] = op === "A·Bᵀ" || op === "x·Wᵀ" ? [1, k] : [n, 1];
  return {
    run() {
      for (let i = 0; i < batch; i++) {
        const [atA, atB, atC] = [a + 4 * i * m * k, b + 4 * i * k * n, c + 4 * i * m * n];
        const operands = [atC, n, atA, rsa, csa, atB, rsb, csb, m, n, k, false] as const;
        parallelWithScratch("matmul", kernels.matmul_units(m, n), kernels.matmul_scratch_bytes(), ...operands);
      }
    },
    output: () => heap.f32(c, batch * m * n).slice(),
    release: () => buffers.release(),
  };
}
