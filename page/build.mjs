/**
 * Builds the page into dist/page, from the package as its users see it, and prints its size. Needs the build of the library.
 *
 *   node page/build.mjs
 */
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "vite";
import { styles } from "../dist/src/report.js";
import { pagePolicy } from "../dist/src/serve/page-headers.js";
import { compressedBytes } from "./size.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const MODELS = ["reader-1m"];
const MODEL_FILES = ["config.json", "tokenizer.json", "model.safetensors"];

const digestOf = (bytes) => createHash("sha256").update(bytes).digest("hex").slice(0, 16);

const models = MODELS.map((name) => ({
  name,
  files: MODEL_FILES.map((file) => {
    const bytes = readFileSync(join(root, "models", name, file));
    return { file, bytes: bytes.length, digest: digestOf(bytes) };
  }),
}));

/** The styles of reports, as if they were a file. */
const reportStyles = {
  name: "report-styles",
  resolveId: (id) => (id === "virtual:report.css" ? "\0report.css" : undefined),
  load: (id) => (id === "\0report.css" ? styles : undefined),
};

/** Adds models and samples; one sample is this program's own memory. */
const content = {
  name: "content",
  generateBundle() {
    const add = (fileName, source) => this.emitFile({ type: "asset", fileName, source });
    for (const { name, files } of models) {
      for (const { file } of files) add(`models/${name}/${file}`, readFileSync(join(root, "models", name, file)));
    }
    const samples = join(root, "page/samples");
    for (const file of readdirSync(samples)) {
      add(`samples/${file.replace(/\.md$/, ".txt")}`, readFileSync(join(samples, file)));
    }
    add("samples/code.txt", ownMemory());
  },
};

/** The sources of src/memory in one text. */
function ownMemory() {
  const folder = join(root, "src/memory");
  const names = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isFile());
  return names.map(({ name }) => readFileSync(join(folder, name), "utf8")).join("\n");
}

/** Files of this repository that the page names; it links to copies of them, as text. */
const named = readFileSync(join(root, "page/index.html"), "utf8").matchAll(/<code>([\w./-]+\.(?:ts|md))<\/code>/g);
const sources = [...new Set([...named].map(([, path]) => path))].filter((path) => existsSync(join(root, path)));

/** Adds those copies, and makes each name a link. */
const sourceLinks = {
  name: "source-links",
  generateBundle() {
    for (const path of sources) {
      this.emitFile({ type: "asset", fileName: `source/${path}.txt`, source: readFileSync(join(root, path)) });
    }
  },
  transformIndexHtml: (html) =>
    sources.reduce((linked, path) => {
      const name = `<code>${path}</code>`;
      return linked.replaceAll(name, `<a href="./source/${path}.txt" target="_blank" rel="noreferrer">${name}</a>`);
    }, html),
};

/** The policy of the page, which servers of static files do not send. */
const policy = {
  name: "policy",
  transformIndexHtml: () => [
    {
      tag: "meta",
      attrs: { "http-equiv": "Content-Security-Policy", content: pagePolicy },
      injectTo: "head-prepend",
    },
  ],
};

/** Tells the service worker every file of the page except models, and a digest that changes with any of them. */
const shell = {
  name: "shell",
  enforce: "post",
  generateBundle(_, bundle) {
    const worker = bundle["service-worker.js"];
    const names = Object.keys(bundle).filter((name) => !name.startsWith("models/") && name !== worker.fileName);
    const sources = names.map((name) => bundle[name].code ?? bundle[name].source);
    const digest = digestOf(sources.map(digestOf).join());
    const files = ["./", ...names.filter((name) => name !== "index.html")];
    worker.code = worker.code.replaceAll("__SHELL__", JSON.stringify({ files, digest }));
  },
};

const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));

await build({
  root: join(root, "page"),
  configFile: false,
  base: "./",
  logLevel: "warn",
  plugins: [reportStyles, content, sourceLinks, policy, shell],
  define: { __MODELS__: JSON.stringify(models), __VERSION__: JSON.stringify(version) },
  worker: { format: "es" },
  build: {
    outDir: join(root, "dist/page"),
    emptyOutDir: true,
    target: "es2022",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rollupOptions: {
      input: { main: join(root, "page/index.html"), "service-worker": join(root, "page/src/service-worker.ts") },
      output: {
        entryFileNames: ({ name }) => (name === "service-worker" ? "service-worker.js" : "assets/[name]-[hash].js"),
      },
    },
  },
});

const kilobytes = (compressedBytes(join(root, "dist/page")) / 1000).toFixed(1);
console.log(`dist/page: the page and its kernels are ${kilobytes} kB behind gzip, without models and texts`);
