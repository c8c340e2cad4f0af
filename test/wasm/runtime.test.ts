/** Loading of the kernels: at first use, not before, and only one binary. */
import { spawnSync } from "node:child_process";
import process from "node:process";
import * as assert from "uvu/assert";
import { build, type KernelBuild } from "../../src/wasm/build.ts";
import { instantiateKernels, kernelBytes, newMemory } from "../../src/wasm/load.ts";
import { read } from "../documents.ts";
import { suite } from "../harness.ts";

const test = suite("loading of kernels");

const inNode = process.versions.deno === undefined ? undefined : "starts Node on what tsc has compiled";
const library = new URL("../../src/index.js", import.meta.url).href;
/** The first Node that has require() for modules, without a flag. */
const [major, minor] = process.versions.node.split(".").map(Number);
const canRequire = major > 22 || (major === 22 && minor >= 12) || (major === 20 && minor >= 19);

/** Runs a script in its own process and returns its output; in it, `modules` counts the compiled WebAssembly modules. */
function run(script: string, type = "module"): string {
  const counting = `let modules = 0;
    const { Module, compile } = WebAssembly;
    WebAssembly.Module = new Proxy(Module, { construct: (...all) => (modules++, Reflect.construct(...all)) });
    WebAssembly.compile = (bytes) => (modules++, compile(bytes));`;
  const line = [`--input-type=${type}`, "-e", `${counting}\n${script}`];
  const { status, stdout, stderr } = spawnSync(process.execPath, line, { encoding: "utf8" });
  assert.is(status, 0, stderr);
  return stdout.trim();
}

test("no two kernels are exported by one name, of which the last would silently be called", () => {
  const lists = read("assembly/index.ts").matchAll(/^export \{([^}]*)\}/gm);
  const exported = [...lists].flatMap(([, list]) => list.split(",").map((entry) => entry.trim().split(" as ").at(-1)));
  const names = exported.filter((name) => name !== "");
  assert.ok(names.length > 100);
  assert.equal(
    names.filter((name, i) => names.indexOf(name) !== i),
    [],
  );
});

test.unless(inNode, "importing compiles nothing; the first use compiles one module, at once", () => {
  const script = `const library = await import(${JSON.stringify(library)});
    const before = modules;
    const address = library.heap.allocate(8);
    library.heap.release(address);
    console.log(before, modules, address > 0);`;
  assert.is(run(script), "0 1 true");
});

test.unless(inNode, "ready() compiles that module early, and only once", () => {
  const script = `const { ready, heap, softmax, tensor, step } = await import(${JSON.stringify(library)});
    await Promise.all([ready(), ready()]);
    const before = heap.bytesInUse;
    await ready();
    console.log(modules, before);`;
  assert.match(run(script), /^[12] 0$/);
});

test.unless(inNode, "a handle that was taken before the kernels were loaded stays valid", () => {
  const script = `const { heap: early } = await import(${JSON.stringify(library)});
    const { heap } = await import(${JSON.stringify(library)});
    const address = early.allocate(64);
    early.f32(address, 1)[0] = 7;
    console.log(heap.f32(address, 1)[0], early.bytesInUse, heap.bytesInUse);`;
  assert.is(run(script), "7 64 64");
});

test.unless(inNode, "a program passed on the command line can start threads, and ends by itself", () => {
  const script = `const { useThreads, threadCount } = await import(${JSON.stringify(library)});
    await useThreads(2);
    console.log(threadCount());`;
  assert.is(run(script), "2");
});

const cannotRequire = inNode ?? (canRequire ? undefined : `Node ${process.versions.node} cannot require() a module`);
test.unless(cannotRequire, "require() loads the library", () => {
  const path = JSON.stringify(library.replace("file://", ""));
  assert.is(run(`console.log(typeof require(${path}).Reader, modules)`, "commonjs"), "function 0");
});

test.unless(inNode, "the environment chooses the plain build", () => {
  const script = `const { build, ready } = await import(${JSON.stringify(library)}); console.log(build); await ready()`;
  const environment = { ...process.env, MEMORIZING_KERNELS: "plain" };
  const line = ["--input-type=module", "-e", script];
  assert.is(spawnSync(process.execPath, line, { encoding: "utf8", env: environment }).stdout, "plain\n");
  const mistyped = { ...process.env, MEMORIZING_KERNELS: "Plain" };
  const { stderr } = spawnSync(process.execPath, line, { encoding: "utf8", env: mistyped });
  assert.match(stderr, /InputError: MEMORIZING_KERNELS is "Plain"; it can be plain/);
});

for (const kind of ["plain", "relaxed"] satisfies KernelBuild[]) {
  test(`the ${kind} binary for shared memories differs from the other in one byte`, () => {
    const [alone, shared] = [kernelBytes(kind), kernelBytes(kind, true)];
    const differences = [...alone.keys()].filter((i) => alone[i] !== shared[i]);
    assert.is(shared.length, alone.length);
    assert.equal(
      differences.map((i) => [alone[i], shared[i]]),
      [[1, 3]],
    );
  });
}

test("each binary accepts only memories of its own kind", () => {
  for (const shared of [false, true]) {
    const module = new WebAssembly.Module(kernelBytes(build, shared));
    assert.ok(instantiateKernels(module, newMemory(shared)).heap_base() > 0);
    assert.throws(() => instantiateKernels(module, newMemory(!shared)), /shared/);
  }
});
