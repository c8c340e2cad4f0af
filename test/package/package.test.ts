/** The package for npm and Deno is complete, tools that judge packages find no fault, and the lock fits every machine. */
import { Buffer } from "node:buffer";
import * as fs from "node:fs";
import { join } from "node:path";
import process from "node:process";
import * as assert from "uvu/assert";
import { deno } from "../deno.ts";
import { suite } from "../harness.ts";
import { projectWithPackage, readJson, run } from "./packed.ts";
import { noTools, root, toolPath } from "./tools.ts";

const test = suite("package");

const inNode = process.versions.deno === undefined ? undefined : "packs what tsc has compiled, in Node";

let project = "";
const installed = () => join(project, "node_modules/memorizing-transformer");
test.before(() => {
  if (inNode === undefined) project = projectWithPackage();
});
test.after(() => {
  if (project !== "") fs.rmSync(project, { recursive: true, force: true });
});

function packedFiles(): string[] {
  return fs.readdirSync(installed(), { recursive: true, encoding: "utf8" });
}

/** The part of the page that holds the engine, where the page is built. */
const isEngineOfPage = (name: string) => /^dist\/page\/assets\/answers-[\w-]+\.js$/.test(name);

test.unless(inNode, "one copy of each kernel besides that of the page, and types that do not carry any", () => {
  const holders = packedFiles().filter((name) => {
    const path = join(installed(), name);
    return fs.statSync(path).isFile() && /[A-Za-z0-9+/]{20000}/.test(fs.readFileSync(path, "latin1"));
  });
  assert.equal(holders.filter((name) => !isEngineOfPage(name)).sort(), [
    "dist/src/wasm/plain.generated.js",
    "dist/src/wasm/relaxed.generated.js",
  ]);
  assert.equal(
    packedFiles().filter((name) => name.endsWith(".wasm")),
    [],
  );
  for (const name of packedFiles().filter((file) => file.endsWith(".d.ts"))) {
    assert.ok(fs.statSync(join(installed(), name)).size < 30_000, name);
  }
});

test.unless(inNode, "everything that package.json exports is there", () => {
  const { exports, bin, author, repository, homepage, bugs, sideEffects } = readJson(join(installed(), "package.json"));
  const targets = Object.values<string | Record<string, string>>(exports).flatMap((target) =>
    typeof target === "string" ? [target] : Object.values(target),
  );
  for (const target of [...targets, ...Object.values<string>(bin)]) {
    assert.ok(fs.existsSync(join(installed(), target.replace("*", "reader-1m/config.json"))), target);
  }
  for (const field of [author, repository.url, homepage, bugs.url]) assert.ok(field.length > 0);
  assert.is(sideEffects, false);
});

test.unless(inNode, "entries, models and package.json can be imported by name", () => {
  const script = `
    const names = ["", "/node", "/kernels", "/report"];
    for (const name of names) await import("memorizing-transformer" + name);
    console.log(import.meta.resolve("memorizing-transformer/models/reader-1m/config.json").endsWith("config.json"));
    console.log((await import("memorizing-transformer/package.json", { with: { type: "json" } })).default.name);`;
  const printed = run(process.execPath, ["--no-warnings", "--input-type=module", "-e", script], project);
  assert.is(printed, "true\nmemorizing-transformer\n");
});

test.unless(inNode, "a model that is called by its name is not replaced by an output", () => {
  const weights = join(installed(), "models/reader-1m/model.safetensors");
  const before = fs.readFileSync(weights);
  fs.writeFileSync(join(project, "a.md"), "a text");
  const line = ["memorizing", "read", "reader-1m", "a.md", "--save", weights, "--force"];
  assert.throws(() => run("npx", line, project), /model.safetensors/);
  assert.is(Buffer.compare(fs.readFileSync(weights), before), 0);
});

test.unless(inNode, "the command is one bundle of few files, and says and computes what its sources do", () => {
  const bundle = join(installed(), "dist/src/bundle");
  const [start] = fs.readdirSync(bundle).filter((name) => name.startsWith("eval-"));
  const loaded = filesFrom(join(bundle, start));
  assert.ok(loaded.size < 60, `${loaded.size} files`);
  fs.writeFileSync(join(project, "b.md"), "a text that is read by two threads");
  for (const line of [["--help"], ["eval", "--help"], ["eval", "reader-1m", "--data", "b.md", "--threads", "2"]]) {
    const bundled = run("npx", ["memorizing", ...line], project);
    assert.is(bundled, run(process.execPath, [join(installed(), "dist/src/cli/main.js"), ...line], project));
  }
});

test.unless(inNode, "scripts of threads and processes lie beside the bundle, which starts them by name", () => {
  const bundle = join(installed(), "dist/src/bundle");
  const started = fs.readdirSync(bundle).flatMap((name) => {
    const text = fs.readFileSync(join(bundle, name), "utf8");
    return [...text.matchAll(/(?:new URL\([`"]\.|\$\{directory\})\/([\w-]+)(?:\.js\b|\$\{extname)/g)].map(
      ([, script]) => script,
    );
  });
  assert.equal([...new Set(started)].sort(), ["ask-thread", "job-child", "worker"]);
  for (const name of started) assert.ok(fs.existsSync(join(bundle, `${name}.js`)), name);
});

/** A file of the bundle and all of the bundle that it imports before it runs. */
function filesFrom(file: string, found = new Set<string>()): Set<string> {
  if (found.has(file)) return found;
  found.add(file);
  const imports = fs.readFileSync(file, "utf8").matchAll(/^(?:import|\} from) "(\.\/[^"]+)";$/gm);
  for (const [, name] of imports) filesFrom(join(file, "..", name), found);
  return found;
}

test.unless(noTools, "publint finds nothing", () => {
  assert.match(run(process.execPath, [toolPath("publint/src/cli.js"), "--strict"], root), /All good!/);
});

test.unless(noTools, "its types resolve wherever modules do (attw)", () => {
  run("npm", ["pack", "--ignore-scripts", "--pack-destination", project], root);
  const [tarball] = fs.readdirSync(project).filter((name) => name.endsWith(".tgz"));
  const line = [toolPath("@arethetypeswrong/cli/dist/index.js"), join(project, tarball), "--profile", "esm-only"];
  run(process.execPath, [...line, "--no-color"], root);
});

test.unless(noTools, "a program with strict types compiles against it, the package's own types checked", () => {
  fs.writeFileSync(
    join(project, "typed.ts"),
    `import { Reader, useThreads } from "memorizing-transformer";
     import { loadModel } from "memorizing-transformer/node";
     import { kernelBytes } from "memorizing-transformer/kernels";
     const { model, tokenizer } = loadModel("reader-1m");
     export const reader: Reader = new Reader(model, tokenizer);
     export const bytes: number = kernelBytes("plain").length;
     await useThreads(1);`,
  );
  const options = [
    "--noEmit",
    "--strict",
    "--target",
    "es2022",
    "--module",
    "nodenext",
    "--types",
    "",
    "--lib",
    "es2023,dom,esnext.disposable",
  ];
  run(process.execPath, [join(root, "node_modules/typescript/bin/tsc"), ...options, "typed.ts"], project);
});

const inDeno = process.versions.deno === undefined ? "asks Deno" : undefined;

test.unless(
  inDeno,
  "deno doc --lint is clean: every public name has its JSDoc, no public signature a private type",
  () => {
    const entries = Object.values<string>(readJson(join(root, "deno.json")).exports);
    const { code, stderr } = deno(["doc", "--lint", ...entries], root);
    assert.is(code, 0, stderr);
  },
);

test.unless(inDeno, "deno publish --dry-run passes", () => {
  const { code, stderr } = deno(["publish", "--dry-run", "--allow-dirty"], root);
  assert.is(code, 0, stderr);
});

test("the lock has every platform of optional dependencies, so that npm ci works on all of them", () => {
  for (const folder of ["", "test/bundlers"]) {
    const { packages } = readJson(join(root, folder, "package-lock.json")) as {
      packages: Record<string, { optionalDependencies?: Record<string, string> }>;
    };
    for (const [path, { optionalDependencies = {} }] of Object.entries(packages)) {
      for (const name of Object.keys(optionalDependencies)) {
        const places = [`${path}/node_modules/${name}`, `node_modules/${name}`];
        assert.ok(
          places.some((place) => place in packages),
          `${folder}: ${name} of ${path}`,
        );
      }
    }
  }
});
