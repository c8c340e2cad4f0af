"""The process of a Python peer: answers the harness's requests (bench/protocol.ts) until stdin closes.

The twin of bench/serve.ts. A solver takes (family, op, sizes, inputs) and returns None, or a pair of functions: one
that does the work and one that gives its latest result as a numpy array.
"""
import json
import os
import sys
import time

import numpy as np
from threadpoolctl import threadpool_info

threads = int(sys.argv[1])
impl = sys.argv[2]


def serve(version, solve):
    """`version` names the library, its BLAS and its level of SIMD."""
    answers, sys.stdout = sys.stdout, sys.stderr

    def send(message):
        print(json.dumps(message), file=answers, flush=True)

    send({"version": version})
    run = None
    for line in sys.stdin:
        request = json.loads(line)
        try:
            if request["do"] == "prepare":
                run = prepare(request, solve)
                send({"supported": run is not None})
            elif request["do"] == "time":
                send({"ms": mean_milliseconds(run, request["iterations"])})
            else:
                run = None
                send({"supported": True})
        except Exception as error:
            send({"error": f"{type(error).__name__}: {error}"})


def require_threads(counted, library):
    """Ends the process if `library` computes with other than the requested number of threads."""
    if counted != threads:
        raise RuntimeError(f"{library} computes with {counted} threads, not with {threads}")


def blas(library):
    """Names the BLAS of `library` ("numpy", "faiss") and its kernels, and requires the requested threads of it.

    Packages of PyPI bring a BLAS each, so a process may have several; Debian's share the system's.
    """
    pools = [pool for pool in threadpool_info() if pool["user_api"] == "blas"]
    own = [pool for pool in pools if f"{os.sep}{library}" in pool["filepath"]]
    for pool in own or pools:
        require_threads(pool["num_threads"], pool["internal_api"])
        return f"{pool['internal_api']} {pool['version']} ({pool.get('architecture', 'unknown')} kernels)"
    return "the reference BLAS"


def prepare(request, solve):
    inputs = [np.fromfile(path, dtype=np.float32) for path in request["inputs"]]
    solution = solve(request["family"], request["op"], request["sizes"], inputs)
    if solution is None:
        return None
    run, output = solution
    run()
    np.ascontiguousarray(output(), dtype=np.float32).tofile(request["output"])
    return run


def mean_milliseconds(run, iterations):
    start = time.perf_counter()
    for _ in range(iterations):
        run()
    return (time.perf_counter() - start) * 1e3 / iterations
