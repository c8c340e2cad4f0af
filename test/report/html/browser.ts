/**
 * A real browser for tests of pages: Chromium, driven by playwright-core, neither of which this package depends on. Both are
 * used where they are found; playwright-core may be installed anywhere, and PLAYWRIGHT_CORE is then the path of its folder.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { pathToFileURL } from "node:url";

const CHROMIUM = process.env.CHROMIUM ?? "/usr/bin/chromium";

interface Locator {
  textContent(): Promise<string>;
  click(): Promise<void>;
  hover(): Promise<void>;
  count(): Promise<number>;
}

/** Chromium's own protocol, here of its domain Performance. */
interface Session {
  send(method: string, options?: object): Promise<{ readonly metrics: readonly { name: string; value: number }[] }>;
}

/** What tests use of a page. */
export interface BrowserPage {
  context(): { newCDPSession(page: BrowserPage): Promise<Session> };
  readonly keyboard: { press(key: string): Promise<void> };
  on(event: "pageerror", listener: (error: Error) => void): void;
  on(event: "request", listener: (request: { url(): string }) => void): void;
  goto(url: string): Promise<unknown>;
  waitForSelector(selector: string): Promise<unknown>;
  waitForFunction(condition: string): Promise<unknown>;
  evaluate<T>(script: string): Promise<T>;
  locator(selector: string): Locator;
}

export interface Browser {
  newPage(options: object): Promise<BrowserPage>;
  close(): Promise<void>;
}

interface Playwright {
  readonly chromium: { launch(options: object): Promise<Browser> };
}

async function findPlaywright(): Promise<Playwright | undefined> {
  const installed = process.env.PLAYWRIGHT_CORE;
  const specifier = installed === undefined ? "playwright-core" : pathToFileURL(join(installed, "index.mjs")).href;
  return import(specifier).catch(() => undefined);
}

const playwright = process.versions.deno === undefined ? await findPlaywright() : undefined;

/** Why there is no browser; undefined if there is one. */
export const noBrowser: string | undefined =
  process.versions.deno !== undefined
    ? "playwright-core runs in Node"
    : playwright === undefined
      ? "needs playwright-core, in node_modules or where PLAYWRIGHT_CORE says"
      : existsSync(CHROMIUM)
        ? undefined
        : `needs ${CHROMIUM}, or another Chromium that CHROMIUM names`;

export function launchBrowser(): Promise<Browser> {
  if (playwright === undefined) throw new Error(noBrowser);
  const args = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"];
  return playwright.chromium.launch({ executablePath: CHROMIUM, args });
}
