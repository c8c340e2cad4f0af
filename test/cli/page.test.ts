/** `memorizing page` as a process: it says where the page is, and ends in good order. */
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import * as assert from "uvu/assert";
import { suite } from "../harness.ts";
import { root } from "../package/tools.ts";
import { commandLine, memorizing } from "./child.ts";

const test = suite("page as a process");
const isBuilt = existsSync(join(root, "dist/page/index.html"));

test.unless(
  isBuilt ? undefined : "needs the page; npm run page builds it",
  "it serves the page, and kill ends it",
  async () => {
    const [command, line] = commandLine(["page", "--port", "0"]);
    const child = spawn(command, line);
    const ended = new Promise<number | null>((resolve) => child.on("close", resolve));
    const said = await new Promise<string>((resolve) => child.stdout.setEncoding("utf8").once("data", resolve));
    const [, address] = /^the page is at (http:\/\/127\.0\.0\.1:\d+\/)\n$/.exec(said) ?? [];
    const response = await fetch(address);
    assert.match(await response.text(), "<title>");
    assert.is(response.headers.get("cross-origin-opener-policy"), "same-origin");
    const weights = await fetch(`${address}models/reader-1m/config.json`);
    assert.is((await weights.json()).model_type, "memorizing-transformer");
    process.kill(child.pid!, "SIGTERM");
    assert.is(await ended, 0);
  },
);

test.unless(isBuilt ? "the page is built here" : undefined, "a page that is not built is one sentence", () => {
  const { code, stderr } = memorizing("page", "--port", "0");
  assert.is(code, 1);
  assert.match(stderr, /^\S+dist\/page does not hold the page; in a clone, npm run page builds it\n$/);
});

test("a port that cannot be one is a mistake in the command line", () => {
  assert.is(memorizing("page", "--port", "70000").code, 2);
});
