/** The server of the page: the files of its directories with the headers of the page, and nothing else. */
import * as fs from "node:fs";
import { request } from "node:http";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { pageHeaders } from "../../src/serve/page-headers.ts";
import { PageServer } from "../../src/serve/page-server.ts";
import { folderFor } from "../folder.ts";
import { suite } from "../harness.ts";

const test = suite("server of the page");
const folder = folderFor(test, "page-server");

let server: PageServer;
let port = 0;
test.before(async () => {
  fs.mkdirSync(join(folder, "site/assets"), { recursive: true });
  fs.mkdirSync(join(folder, "models"));
  fs.writeFileSync(join(folder, "site/index.html"), "<!doctype html>");
  fs.writeFileSync(join(folder, "site/assets/a-1.js"), "let a;");
  fs.writeFileSync(join(folder, "models/weights"), "12345");
  fs.writeFileSync(join(folder, "secret"), "secret");
  server = new PageServer({ "/": join(folder, "site"), "/models/": join(folder, "models") });
  port = await server.listen(0);
});
test.after(() => server.close());

interface Answer {
  readonly status: number | undefined;
  readonly headers: Record<string, string | string[] | undefined>;
  readonly body: string;
}

/** Sends a request whose path nobody tidies. */
function ask(path: string, options: { method?: string; headers?: Record<string, string> } = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request({ host: "127.0.0.1", port, path, ...options }, (response) => {
      let body = "";
      response.setEncoding("utf8").on("data", (piece: string) => {
        body += piece;
      });
      response.on("end", () => resolve({ status: response.statusCode, headers: response.headers, body }));
    });
    sent.on("error", reject).end();
  });
}

test("a small example, written out: the page, a script and a model", async () => {
  const answers = await Promise.all(
    ["/", "/?sample=novel", "/assets/a-1.js", "/models/weights"].map((path) => ask(path)),
  );
  assert.equal(
    answers.map(({ status, body, headers }) => [status, body, headers["content-type"]]),
    [
      [200, "<!doctype html>", "text/html; charset=utf-8"],
      [200, "<!doctype html>", "text/html; charset=utf-8"],
      [200, "let a;", "text/javascript; charset=utf-8"],
      [200, "12345", "application/octet-stream"],
    ],
  );
  for (const { headers } of answers)
    for (const [name, value] of Object.entries(pageHeaders)) assert.is(headers[name], value);
  assert.match(String(answers[2].headers["cache-control"]), "immutable");
  assert.is(answers[0].headers["cache-control"], "no-cache");
});

test("a file that is gone is missing, and the server goes on", async () => {
  fs.renameSync(join(folder, "models/weights"), join(folder, "moved"));
  const { status, body } = await ask("/models/weights");
  fs.renameSync(join(folder, "moved"), join(folder, "models/weights"));
  assert.equal([status, body], [404, "there is no such file\n"]);
  assert.is((await ask("/models/weights")).status, 200);
});

test("HEAD has no body, and other methods are refused", async () => {
  assert.equal([(await ask("/", { method: "HEAD" })).body, (await ask("/", { method: "HEAD" })).status], ["", 200]);
  for (const method of ["POST", "PUT", "DELETE"]) assert.is((await ask("/", { method })).status, 405);
});

test("no path leads out of the directories", async () => {
  for (const path of [
    "/../secret",
    "/models/../../secret",
    "/%2e%2e/secret",
    "/assets/..%2f..%2f..%2fsecret",
    "//secret",
    "/assets",
    "/none",
  ]) {
    const { status, body } = await ask(path);
    assert.equal([status, body], [404, "there is no such file\n"], path);
  }
});

test("a name that was made to lead here is refused", async () => {
  assert.is((await ask("/", { headers: { host: "evil.example" } })).status, 403);
  for (const host of [`localhost:${port}`, `127.0.0.1:${port}`])
    assert.is((await ask("/", { headers: { host } })).status, 200);
});

test("a port in use is one sentence", async () => {
  const error: unknown = await new PageServer({ "/": join(folder, "site") })
    .listen(port)
    .catch((thrown: unknown) => thrown);
  assert.match(
    String(error),
    /cannot listen on port \d+ of 127\.0\.0\.1: another program listens there; choose another --port$/,
  );
});
