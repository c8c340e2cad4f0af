"""The process of a Python peer: answers the harness's requests (bench/protocol.ts) until stdin closes.

The twin of bench/serve.ts. A solver takes (family, op, sizes, inputs) and returns None, or a pair of functions: one
that does the work and one that gives its latest result as a numpy array.
"""
import json
import os
import sys
import time

import numpy as np

threads = int(sys.argv[1])
impl = sys.argv[2]


def serve(version, solve):
    answers, sys.stdout = sys.stdout, sys.stderr

    def send(message):
        print(json.dumps(message), file=answers, flush=True)

    send({"version": f"{version} with {blas()}"})
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


def blas():
    """Returns the file name of the BLAS that this process has loaded; it decides how fast products are."""
    with open("/proc/self/maps") as maps:
        files = {os.path.basename(line.split()[-1]) for line in maps if "blas" in line}
    return next((name for name in sorted(files) if "openblas" in name), "the reference BLAS")


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
