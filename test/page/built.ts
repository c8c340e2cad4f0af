/** The page as `npm run page` built it, served as `memorizing page` serves it, and opened in a browser. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { PageServer } from "../../src/serve/page-server.ts";
import { build } from "../../src/wasm/build.ts";
import { root } from "../package/tools.ts";
import { type BrowserPage, launchBrowser, noBrowser, PATIENCE } from "../report/html/browser.ts";

/** Part of a page's query: the build of the kernels of this process, so that both sides compute the same bits. */
export const KERNELS: string = build === "plain" ? "kernels=plain&" : "";

export const builtPage: string = join(root, "dist/page");

/** Reason why the page cannot be tested here; undefined if it can. */
export const noPage: string | undefined =
  noBrowser ?? (existsSync(join(builtPage, "index.html")) ? undefined : "needs the page; npm run page builds it");

export interface OpenPage {
  readonly page: BrowserPage;
  /** Everything that went wrong: errors, refusals of the policy, requests to other hosts. */
  readonly wrong: string[];
}

/** The page's server and a browser, for one suite. */
export interface Visit {
  readonly address: string;
  /** Opens the page; `query` is that of its address. It shares nothing with other pages except with `beside`. */
  open(query: string, options?: object, beside?: BrowserPage): Promise<OpenPage>;
  close(): Promise<void>;
}

/** Records what the worker says of losses, to the last bit, by size of memory. */
const RECORDER = `{
  const Original = Worker;
  globalThis.losses = {};
  globalThis.Worker = class extends Original {
    constructor(...all) {
      super(...all);
      this.addEventListener("message", ({ data: { news } }) => {
        if (news?.kind === "document") globalThis.losses = {};
        if (news?.kind === "losses") (globalThis.losses[news.size] ??= [0])
          .splice(news.from, news.nats.length, ...news.nats);
      });
    }
  };
}`;

export async function visitPage(): Promise<Visit> {
  const server = new PageServer({ "/": builtPage, "/models/": join(root, "models") });
  const port = await server.listen(0);
  const browser = await launchBrowser();
  const address = `http://127.0.0.1:${port}/`;
  return {
    address,
    async open(query, options = {}, beside) {
      const alone = { viewport: { width: 1280, height: 900 }, ...options };
      const page = await (beside?.context() ?? (await browser.newContext(alone))).newPage();
      const wrong: string[] = [];
      page.on("pageerror", ({ message }) => wrong.push(message));
      page.on("console", (message) => {
        if (["error", "warning"].includes(message.type())) wrong.push(message.text());
      });
      page.on("request", (request) => {
        if (!request.url().startsWith(address) && !request.url().startsWith("blob:")) wrong.push(request.url());
      });
      await page.addInitScript(RECORDER);
      await page.goto(`${address}?${query}`);
      await until(page, `/is open|Reading|is read/.test(document.getElementById("status").textContent)`);
      return { page, wrong };
    },
    async close() {
      await browser.close();
      await server.close();
    },
  };
}

/** Waits until an expression is true in the page. The driver's own way to wait would need a policy that lets text become code. */
export async function until(page: BrowserPage, condition: string): Promise<void> {
  for (const end = Date.now() + 1000 * PATIENCE; Date.now() < end; ) {
    if (await page.evaluate<boolean>(`Boolean(${condition})`)) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`not true after ${PATIENCE} s: ${condition}`);
}

/** Resolves when the page has read the text for all sizes. */
export function isRead(page: BrowserPage, name: string): Promise<void> {
  return until(page, `document.getElementById("status").textContent.startsWith(${JSON.stringify(`${name} is read`)})`);
}
