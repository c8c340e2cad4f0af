/** The page in another browser than Chromium: Firefox, which reads a sample and shows what the library computes. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import * as assert from "uvu/assert";
import { tokenizedText } from "../../src/data/corpus.ts";
import { PageServer } from "../../src/serve/page-server.ts";
import { loadModel } from "../../src/train/checkpoint.ts";
import { evaluate } from "../../src/train/evaluate.ts";
import { suite } from "../harness.ts";
import { loadTool, root } from "../package/tools.ts";
import { PATIENCE } from "../report/html/browser.ts";
import { builtPage, noPage } from "./built.ts";

const FIREFOX = process.env.FIREFOX ?? "/usr/bin/firefox-esr";
const missing = noPage ?? (existsSync(FIREFOX) ? undefined : `needs ${FIREFOX}, or another Firefox that FIREFOX names`);

/** The parts of the driver that this test uses. */
interface Driver {
  launch(options: object): Promise<{
    newPage(): Promise<{
      on(event: "pageerror", listener: (error: Error) => void): void;
      goto(url: string): Promise<unknown>;
      evaluate<T>(script: string): Promise<T>;
    }>;
    close(): Promise<void>;
  }>;
}

const test = suite("page in Firefox");

test.unless(missing, "it reads a sample with threads, and shows the library's perplexities", async () => {
  const server = new PageServer({ "/": builtPage, "/models/": join(root, "models") });
  const port = await server.listen(0);
  const { default: driver } = await loadTool<{ default: Driver }>("puppeteer-core/lib/esm/puppeteer/puppeteer-core.js");
  const patient = { timeout: 1000 * PATIENCE, protocolTimeout: 1000 * PATIENCE };
  const browser = await driver.launch({ browser: "firefox", executablePath: FIREFOX, headless: true, ...patient });
  try {
    const page = await browser.newPage();
    const wrong: string[] = [];
    page.on("pageerror", ({ message }) => wrong.push(message));
    await page.goto(`http://127.0.0.1:${port}/?sample=latex`);
    const status = () => page.evaluate<string>(`document.getElementById("status").textContent`);
    for (
      const end = Date.now() + 1000 * PATIENCE;
      !(await status()).startsWith("LaTeX is read") && Date.now() < end;
    ) {
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
    assert.match(await status(), /^LaTeX is read, with 6 sizes of memory/);
    assert.ok(await page.evaluate<boolean>("crossOriginIsolated"));
    const shown = await page.evaluate<string>("document.body.innerText");
    for (const perplexity of perplexities("latex.txt", [0, 32_768])) assert.match(shown, perplexity.toPrecision(4));
    assert.equal(wrong, []);
  } finally {
    await browser.close();
    await server.close();
  }
});

/** Those of the bundled model on a sample, by memory size. */
function perplexities(sample: string, memorySizes: number[]): number[] {
  const { model, tokenizer } = loadModel("reader-1m");
  try {
    const text = readFileSync(join(builtPage, "samples", sample), "utf8");
    const { results } = evaluate(model, [tokenizedText(sample, () => text, tokenizer)], tokenizer, { memorySizes });
    return results.map(({ perplexity }) => perplexity);
  } finally {
    model.parameters.release();
  }
}
