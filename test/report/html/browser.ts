/**
 * A real browser for tests of pages: Chromium, driven by playwright-core. The package depends on neither. Tests use them if
 * they are installed; `npm run test:browsers` installs them, the driver in test/bundlers.
 */
import { existsSync } from "node:fs";
import process from "node:process";
import { loadTool, noTools } from "../../package/tools.ts";

const CHROMIUM = process.env.CHROMIUM ?? "/usr/bin/chromium";

interface Locator {
  textContent(): Promise<string>;
  click(): Promise<void>;
  fill(text: string): Promise<void>;
  hover(): Promise<void>;
  count(): Promise<number>;
}

/** A session of Chromium's own protocol, which can drop files. */
interface Session {
  send(method: string, options?: object): Promise<unknown>;
}

/** Pages that share storage. */
interface Context {
  newPage(): Promise<BrowserPage>;
  newCDPSession(page: BrowserPage): Promise<Session>;
  setOffline(offline: boolean): Promise<void>;
  setDefaultTimeout(ms: number): void;
}

/** The parts of a page that tests use. */
export interface BrowserPage {
  context(): Context;
  readonly keyboard: { press(key: string): Promise<void> };
  on(event: "console", listener: (message: { text(): string; type(): string }) => void): void;
  on(event: "pageerror", listener: (error: Error) => void): void;
  on(event: "request", listener: (request: { url(): string }) => void): void;
  addInitScript(script: string): Promise<unknown>;
  screenshot(options: { path: string; fullPage?: boolean }): Promise<unknown>;
  emulateMedia(options: { media: "print" | "screen" }): Promise<void>;
  close(): Promise<void>;
  goto(url: string): Promise<unknown>;
  setInputFiles(
    selector: string,
    path: string | { name: string; mimeType: string; buffer: Uint8Array },
  ): Promise<unknown>;
  waitForSelector(selector: string): Promise<unknown>;
  waitForFunction(condition: string): Promise<unknown>;
  evaluate<T>(script: string): Promise<T>;
  locator(selector: string): Locator;
}

export interface Browser {
  newContext(options: object): Promise<Context>;
  newPage(options: object): Promise<BrowserPage>;
  close(): Promise<void>;
}

interface Playwright {
  readonly chromium: { launch(options: object): Promise<Browser> };
}

/** Reason why a browser is missing; undefined if there is one. */
export const noBrowser: string | undefined =
  noTools ?? (existsSync(CHROMIUM) ? undefined : `needs ${CHROMIUM}, or another Chromium that CHROMIUM names`);

/** Seconds until a test gives up: far more than a page that works takes on a machine that is busy. */
export const PATIENCE = 900;

export async function launchBrowser(): Promise<Browser> {
  const playwright = await loadTool<Playwright>("playwright-core/index.mjs");
  const args = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"];
  const timeout = 1000 * PATIENCE;
  const browser = await playwright.chromium.launch({ executablePath: CHROMIUM, args, timeout });
  const newContext = async (options: object) => {
    const context = await browser.newContext(options);
    context.setDefaultTimeout(timeout);
    return context;
  };
  const newPage = async (options: object) => (await newContext(options)).newPage();
  return { newContext, newPage, close: () => browser.close() };
}
