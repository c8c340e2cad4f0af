"""numpy, whose products are those of its BLAS."""
import numpy as np

from serve import blas, serve


def solve(family, op, sizes, inputs):
    return product(op, sizes, *inputs) if family == "matmul" else None


def product(op, sizes, a, b):
    batch, m, k, n = (sizes[name] for name in ("batch", "m", "k", "n"))
    lead = () if batch == 1 else (batch,)
    a = a.reshape(*lead, k, m).swapaxes(-1, -2) if op == "Aᵀ·B" else a.reshape(*lead, m, k)
    b = b.reshape(*lead, n, k).swapaxes(-1, -2) if op in ("A·Bᵀ", "x·Wᵀ") else b.reshape(*lead, k, n)
    c = np.empty((*lead, m, n), dtype=np.float32)
    return lambda: np.matmul(a, b, out=c), lambda: c


serve(f"{np.__version__} with {blas('numpy')}", solve)
