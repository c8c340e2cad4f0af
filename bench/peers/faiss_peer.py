"""Faiss: `faiss-flat` scans all keys; `faiss-ivf` has inverted lists, their number usual for the number of keys."""
import math

import faiss
import numpy as np

from serve import blas, impl, require_threads, serve, threads

# Queries from which on Faiss multiplies by BLAS. Faiss 1.15 raised it to 2,000 at our width, far above the number at which BLAS
# becomes the faster way; before, it was this.
BLAS_FROM = 20


def solve(family, op, sizes, inputs):
    keys = inputs[0].reshape(-1, sizes["depth"])
    use_blas_from(BLAS_FROM, sizes["depth"])
    index = flat(sizes) if impl == "faiss-flat" else inverted(sizes, keys)
    index.add(keys)
    if op == "update":
        return update(index, inputs[1].reshape(-1, sizes["depth"]), sizes)
    queries = inputs[1].reshape(-1, sizes["depth"])
    found = [None]

    def run():
        found[0] = index.search(queries, sizes["neighbours"])[1]

    return run, lambda: found[0].astype(np.float32)


def flat(sizes):
    return faiss.IndexFlatIP(sizes["depth"])


def inverted(sizes, keys):
    lists = sizes.get("lists", 2 * math.isqrt(sizes["keys"]))
    index = faiss.IndexIVFFlat(flat(sizes), sizes["depth"], lists, faiss.METRIC_INNER_PRODUCT)
    index.own_fields = False
    index.nprobe = sizes.get("faissProbes", 1)
    index.train(keys)
    return index


def update(index, incoming, sizes):
    oldest = [0]

    def run():
        count = len(incoming)
        index.remove_ids(faiss.IDSelectorRange(oldest[0], oldest[0] + count))
        index.add_with_ids(incoming, np.arange(count) + oldest[0] + sizes["keys"])
        oldest[0] += count

    return run, lambda: np.zeros(0)


def use_blas_from(queries, depth):
    """Sets the threshold, which counts queries times width since Faiss 1.15 and queries before."""
    if hasattr(faiss.cvar, "distance_compute_blas_threshold"):
        since_1_15 = tuple(map(int, faiss.__version__.split(".")[:2])) >= (1, 15)
        faiss.cvar.distance_compute_blas_threshold = queries * depth if since_1_15 else queries


def simd():
    """Names the level of SIMD of Faiss' own kernels: chosen at run time in newer versions, at compile time in older ones."""
    if hasattr(faiss, "SIMDConfig"):
        return faiss.SIMDConfig.get_level_name()
    return faiss.get_compile_options().strip()


faiss.omp_set_num_threads(threads)
require_threads(faiss.omp_get_max_threads(), "Faiss")
serve(f"{faiss.__version__} ({simd()}) with {blas('faiss')}", solve)
