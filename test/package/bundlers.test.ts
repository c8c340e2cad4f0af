/**
 * The same small app built by Vite, webpack, esbuild and Rollup and opened in Chromium, on pages that are cross-origin
 * isolated and on pages that are not: it starts once, has its threads where it may, and computes the same.
 */
import * as fs from "node:fs";
import { join } from "node:path";
import process from "node:process";
import * as assert from "uvu/assert";
import { suite } from "../harness.ts";
import { type Browser, launchBrowser, noBrowser } from "../report/html/browser.ts";
import { projectWithPackage, run } from "./packed.ts";
import { serve } from "./server.ts";
import { loadTool, noTools, toolPath } from "./tools.ts";

const test = suite("bundlers");

const APP = `
  import { matmul, step, tensor, threadCount, useThreads, VectorStore } from "memorizing-transformer";
  console.log("the app starts");
  async function main() {
    await useThreads(2);
    const ones = () => tensor(new Float32Array(200 * 200).fill(1), [200, 200]);
    const product = step(() => matmul(ones(), ones()).toArray());
    const store = new VectorStore({ width: 4, size: 100 });
    store.append(Float32Array.of(1, 0, 0, 0, 0, 1, 0, 0), new Float32Array(8));
    const { serials } = store.lookup(Float32Array.of(0, 1, 0, 0), 1);
    return { threads: threadCount(), product: product.every((value) => value === 200), serial: Number(serials[0]) };
  }
  main().catch((error) => ({ error: error.message })).then((result) => (globalThis.result = JSON.stringify(result)));
`;
const WORKER = "memorizing-transformer/worker";
const PAGE = (script: string) => `<!doctype html><script type="module" src="./${script}"></script>`;

let project = "";
let browser: Browser | undefined;

test.before(async () => {
  if (noTools ?? noBrowser) return;
  browser = await launchBrowser();
  project = projectWithPackage();
  fs.writeFileSync(join(project, "app.js"), APP);
  fs.writeFileSync(join(project, "index.html"), PAGE("app.js"));
});
test.after(async () => {
  await browser?.close();
  if (project !== "") fs.rmSync(project, { recursive: true, force: true });
});

/** Writes the bundle and a page for it into the directory `out`. */
type Build = (out: string) => Promise<void>;

interface Esbuild {
  build(options: object): Promise<unknown>;
}

async function esbuild(out: string, options: object): Promise<void> {
  const { build } = await loadTool<Esbuild>("esbuild/lib/main.js");
  const common = { absWorkingDir: project, bundle: true, format: "esm", logLevel: "error", outdir: out };
  await build({ ...common, ...options });
  fs.writeFileSync(join(out, "index.html"), PAGE("app.js"));
}

async function rollup(out: string, input: object): Promise<void> {
  const { rollup } = await loadTool<{
    rollup: (options: object) => Promise<{ write(options: object): Promise<void> }>;
  }>("rollup/dist/es/rollup.js");
  const { nodeResolve } = await loadTool<{ nodeResolve: (options: object) => object }>(
    "@rollup/plugin-node-resolve/dist/es/index.js",
  );
  const plugins = [nodeResolve({ browser: true, rootDir: project })];
  const bundle = await rollup({
    input,
    plugins,
    onwarn: (warning: { message: string }) => assert.unreachable(warning.message),
  });
  await bundle.write({ dir: out, format: "es" });
  fs.writeFileSync(join(out, "index.html"), PAGE("app.js"));
}

interface Webpack {
  default(options: object, done: (error: Error | null, stats?: { toString(options: object): string }) => void): void;
}

async function webpack(out: string): Promise<void> {
  const { default: compile } = await loadTool<Webpack>("webpack/lib/index.js");
  const options = {
    mode: "production",
    context: project,
    entry: "./app.js",
    output: { path: out, filename: "app.js" },
  };
  const said = await new Promise<string>((resolve, reject) => {
    const show = { all: false, errors: true, warnings: true };
    compile({ ...options, performance: false }, (error, stats) =>
      error ? reject(error) : resolve(stats?.toString(show) ?? ""),
    );
  });
  assert.is(said, "");
  fs.writeFileSync(join(out, "index.html"), PAGE("app.js"));
}

async function vite(out: string): Promise<void> {
  run(process.execPath, [toolPath("vite/bin/vite.js"), "build", "--base", "./", "--outDir", out], project);
}

const builds: [string, Build][] = [
  ["Vite", vite],
  ["webpack", webpack],
  ["esbuild", (out) => esbuild(out, { entryPoints: { app: "app.js", worker: WORKER } })],
  ["Rollup", (out) => rollup(out, { app: join(project, "app.js"), worker: WORKER })],
];

interface Visit {
  readonly result: Record<string, unknown>;
  readonly starts: number;
  readonly wrong: readonly string[];
}

/** Opens the page in `directory` and waits for what the app finds. */
async function visit(directory: string, isolated: boolean): Promise<Visit> {
  const served = await serve(directory, isolated);
  const page = await (browser as Browser).newPage({});
  const wrong: string[] = [];
  let starts = 0;
  page.on("pageerror", ({ message }) => wrong.push(message));
  page.on("console", (message) => {
    if (message.text() === "the app starts") starts++;
    else if (!message.text().includes("Failed to load resource")) wrong.push(message.text());
  });
  try {
    await page.goto(served.address);
    await page.waitForFunction("globalThis.result !== undefined");
    return { result: JSON.parse(await page.evaluate<string>("globalThis.result")), starts, wrong };
  } finally {
    served.close();
  }
}

for (const [name, build] of builds) {
  test.unless(
    noTools ?? noBrowser,
    `${name}'s app runs, with two threads on an isolated page and one on another`,
    async () => {
      const out = join(project, name);
      await build(out);
      for (const isolated of [true, false]) {
        const { result, starts, wrong } = await visit(out, isolated);
        assert.equal(result, { threads: isolated ? 2 : 1, product: true, serial: 1 });
        assert.is(starts, 1, "no worker is the app itself");
        assert.equal(wrong, []);
      }
      for (const file of fs.readdirSync(out, { recursive: true, encoding: "utf8" })) {
        if (!file.endsWith("js")) continue;
        const text = fs.readFileSync(join(out, file), "utf8");
        assert.not.ok(
          text.includes(project) || text.includes(encodeURI(project)),
          `${file} has a path of this machine`,
        );
      }
    },
  );
}

test.unless(noTools ?? noBrowser, "a worker that a bundler left out is an error that names its address", async () => {
  const out = join(project, "without worker");
  await rollup(out, { app: join(project, "app.js") });
  const { result } = await visit(out, true);
  assert.match(
    result.error as string,
    /^worker thread 1 of 2 does not start: it does not load; its script is http.*worker\.js$/,
  );
});

for (const [format, target] of [
  ["iife", "es2020"],
  ["esm", "es2020"],
] as const) {
  test.unless(
    noTools ?? noBrowser,
    `a bundle for ${target} as ${format} computes, on one thread where it has no worker`,
    async () => {
      const out = join(project, `${format} ${target}`);
      const app = APP.replace(
        "await useThreads(2);",
        "await useThreads(2).catch((error) => (globalThis.refusal = error.message));",
      );
      fs.writeFileSync(join(project, "old.js"), app);
      await esbuild(out, { entryPoints: { app: "old.js" }, format, target, logLevel: "silent" });
      const { result, wrong } = await visit(out, true);
      assert.equal(result, { threads: 1, product: true, serial: 1 });
      assert.equal(wrong, []);
    },
  );
}
