/**
 * Who may use a server, and which server may be trusted: logins by address, file and environment, certificates, and nothing of it in what
 * the program says or in the list of processes.
 */
import { spawnSync } from "node:child_process";
import { once } from "node:events";
import * as fs from "node:fs";
import { type AddressInfo, createServer, Socket } from "node:net";
import { join } from "node:path";
import process from "node:process";
import { NodeTransport } from "@nats-io/transport-node/lib/node_transport.js";
import * as assert from "uvu/assert";
import { InputError } from "../../src/base/errors.ts";
import { withoutLogins } from "../../src/base/logins.ts";
import { accessOptions } from "../../src/cluster/nats-access.ts";
import { natsAddress } from "../../src/cluster/nats-client.ts";
import { ignoreLateErrors, withErrorListener } from "../../src/cluster/nats-sockets.ts";
import { openExchange } from "../../src/cluster/open-exchange.ts";
import { memorizing } from "../cli/child.ts";
import { folderFor } from "../folder.ts";
import { suite } from "../harness.ts";
import { writeAccounts } from "./nats-accounts.ts";
import { NatsServer, noServer } from "./nats-server.ts";
import { Running } from "./processes.ts";
import { refusal } from "./world.ts";

const test = suite("access to a server");

test.after(() => Running.endAll()); // before the folder goes
const folder = folderFor(test, "access");
const at = (name: string) => join(folder, name);
const inNode = process.versions.deno === undefined ? undefined : "workers are started as Node starts them";
const noProc = fs.existsSync("/proc/self/cmdline") ? undefined : "this system has no /proc";
const noOpenssl = spawnSync("openssl", ["version"]).status === 0 ? undefined : "openssl is not installed";

const SECRET = "s3cr3t";
const LOGIN = `me:${SECRET}`;

/** Runs `work` with variables in the environment. */
async function within<T>(variables: Readonly<Record<string, string>>, work: () => Promise<T>): Promise<T> {
  Object.assign(process.env, variables);
  try {
    return await work();
  } finally {
    for (const name of Object.keys(variables)) delete process.env[name];
  }
}

async function opens(place: string, credentials?: string): Promise<void> {
  const exchange = await openExchange(place, { credentials });
  assert.not.match(exchange.name, SECRET);
  await exchange.close();
}

async function withServer(more: readonly string[], work: (server: NatsServer) => Promise<void>): Promise<void> {
  const server = await NatsServer.start(fs.mkdtempSync(at("server-")), more);
  try {
    await work(server);
  } finally {
    await server.kill();
  }
}

function file(name: string, text: string): string {
  fs.writeFileSync(at(name), text);
  return at(name);
}

test("an address loses its login, and the rest of a sentence stays", () => {
  assert.is(withoutLogins(`no nats://${LOGIN}@host:4222/x, said a@b`), "no nats://host:4222/x, said a@b");
  assert.is(withoutLogins("nats://host"), "nats://host");
  assert.is(withoutLogins(`"nats://me:p@${SECRET}@host"`), '"nats://host"');
  assert.is(new InputError(`"nats://${LOGIN}@host" is too much`).message, '"nats://host" is too much');
});

test("the file counts before the address, and the address before the environment", () => {
  const none = () => {
    throw new Error("no .creds file was given");
  };
  const options = (address: string, credentials?: string, environment = {}) =>
    accessOptions(natsAddress(address).options, none, credentials, environment);
  const env = { NATS_USER: "env", NATS_PASSWORD: "e" };
  assert.equal(options("nats://h"), { servers: "h:4222" });
  assert.equal(options("nats://h", undefined, env), { servers: "h:4222", user: "env", pass: "e" });
  assert.equal(options("nats://h", undefined, { NATS_USER: "t0ken" }), { servers: "h:4222", token: "t0ken" });
  assert.equal(options("nats://a:b@h", undefined, env), { servers: "h:4222", user: "a", pass: "b" });
  assert.equal(options("nats://t@h", undefined, env), { servers: "h:4222", token: "t" });
  const login = file("login", "f:g:h\n");
  assert.equal(options("nats://a:b@h", login, env), { servers: "h:4222", user: "f", pass: "g:h" });
  assert.equal(options("nats://h", undefined, { ...env, NATS_CREDS: login }), {
    servers: "h:4222",
    user: "f",
    pass: "g:h",
  });
  assert.equal(options("nats://h", file("token", "t0ken")), { servers: "h:4222", token: "t0ken" });
  for (const text of ["", "\n", "two\nlines", " a:b", "a:b\nc", "-----BEGIN NATS USER JWT-----\nx\n"]) {
    assert.throws(
      () => options("nats://h", file("wrong", text)),
      (error: Error) =>
        error instanceof InputError && error.message.startsWith(`${at("wrong")} is neither a .creds file`),
    );
  }
  assert.throws(() => options("nats://h", at("missing")), /^.*cannot read .*missing: no such file/);
});

test("a wrong address is refused without repeating it, and makes no directory", async () => {
  const wrong = ["natz", "NATSS", "ws", "http"].map((scheme) => `${scheme}://${LOGIN}@host`);
  assert.match(await refusal(openExchange(`${LOGIN}@host:4222`)), /^InputError: the address of the server must be/);
  const cut = [
    `nats://${LOGIN}/x@host`,
    `nats://${SECRET}#x@host`,
    `nats://${SECRET}?x@host`,
    `nats://me:${SECRET}%@host`,
  ];
  for (const place of [...wrong, ...cut, "nats://", "nats://host:99999"]) {
    const message = await refusal(openExchange(place));
    assert.match(message, /^InputError: (the address of the server must be|a percent sign in the login)/, place);
    assert.not.match(message, SECRET);
  }
  const { code, stderr } = memorizing("worker", at("a"), `nats://${LOGIN}@host`);
  assert.is(code, 2);
  assert.match(stderr, '"nats://host" is an argument too many');
  assert.equal(natsAddress("NATS://host").options.servers, "host:4222");
  const kept = file("occupied", "not a directory");
  const unusable = memorizing("worker", at("b"), "--dir", kept);
  assert.is(unusable.code, 1);
  assert.match(unusable.stderr, `cannot write ${kept}/jobs/trial: `);
});

test.unless(noServer, "a password opens a server: in the address, in a file, in the environment", async () => {
  await withServer(["--user", "me", "--pass", SECRET], async ({ url }) => {
    await opens(url.replace("//", `//${LOGIN}@`));
    await opens(url, file("password", `${LOGIN}\n`));
    await within({ NATS_USER: "me", NATS_PASSWORD: SECRET }, () => opens(url));
    await within({ NATS_CREDS: at("password") }, () => opens(url));
    for (const login of ["", "me:wr0ng@"]) {
      const message = await refusal(opens(url.replace("//", `//${login}`)));
      assert.match(message, `InputError: cannot connect to ${url}: `);
      assert.not.match(message, "wr0ng");
    }
  });
});

test("an error that comes when the client has let go of a socket ends nothing", async () => {
  ignoreLateErrors(NodeTransport.prototype); // twice is once
  const socket = withErrorListener(new Socket());
  socket.removeAllListeners();
  socket.destroy(new Error("read ECONNRESET"));
  await new Promise((closed) => socket.once("close", closed));
  const info = JSON.stringify({
    server_id: "x",
    version: "2.10.0",
    max_payload: 1,
    headers: true,
    auth_required: true,
  });
  const server = createServer((peer) => {
    peer.on("error", () => {});
    peer.write(`INFO ${info}\r\n`);
    peer.once("data", () => peer.write("-ERR 'Authorization Violation'\r\n", () => peer.resetAndDestroy()));
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  const url = `nats://127.0.0.1:${(server.address() as AddressInfo).port}`;
  for (let i = 0; i < 20; i++) assert.match(await refusal(opens(url)), `InputError: cannot connect to ${url}: `);
  server.close();
  await once(server, "close");
});

test.unless(noServer, "the .creds file of an account opens a server", async () => {
  const { config, credentials } = writeAccounts(folder);
  await withServer(["-c", config], async ({ url }) => {
    await opens(url, credentials);
    await within({ NATS_CREDS: credentials }, () => opens(url));
    const [, jwt] = fs.readFileSync(credentials, "utf8").split("\n");
    const message = await refusal(
      opens(url, file("cut.creds", fs.readFileSync(credentials, "utf8").replace(/SU\w+/, "SUX"))),
    );
    assert.match(message, `InputError: cannot connect to ${url}: `);
    assert.not.match(message, jwt);
    assert.match(await refusal(opens(url)), `InputError: cannot connect to ${url}: `);
  });
});

test.unless(
  noServer ?? inNode ?? noProc,
  "a worker shows its login nowhere: not in `ps`, not in what it says",
  async () => {
    await withServer(["--user", "me", "--pass", SECRET], async ({ url }) => {
      const running = new Running("worker", url.replace("//", `//${LOGIN}@`), "--dir", at("kept"));
      await running.says("works for");
      const line = fs.readFileSync(`/proc/${running.child.pid}/cmdline`, "utf8");
      assert.match(line, `worker ${url}`);
      assert.not.match(line, SECRET);
      const status = memorizing("cluster", "status", url, "--json", "--credentials", file("mine", LOGIN));
      assert.is(JSON.parse(status.stdout).workers.length, 1, status.stderr);
      assert.is((await running.end("SIGINT")).code, 0);
      assert.not.match(`${running.output}${status.stdout}`, SECRET);
    });
  },
);

/** Makes a certificate that signs itself, for names such as `DNS:localhost`, and returns the server's options. */
function certificate(name: string, subject: string): string[] {
  const [cert, key] = [at(`${name}.pem`), at(`${name}.key`)];
  const options = [
    "-newkey",
    "ec",
    "-pkeyopt",
    "ec_paramgen_curve:prime256v1",
    "-nodes",
    "-days",
    "2",
    "-subj",
    "/CN=x",
  ];
  const { status, stderr } = spawnSync("openssl", [
    ...["req", "-x509", ...options, "-addext", `subjectAltName=${subject}`],
    ...["-keyout", key, "-out", cert],
  ]);
  assert.is(status, 0, String(stderr));
  return ["--tls", "--tlscert", cert, "--tlskey", key];
}

test.unless(
  noServer ?? noOpenssl ?? inNode,
  "tls:// asks for a certificate that a known authority signed for that name",
  async () => {
    const known = { NATS_CA: at("name.pem") };
    await withServer(certificate("name", "DNS:localhost"), async ({ url }) => {
      const port = url.slice(url.lastIndexOf(":"));
      await within(known, () => opens(`tls://localhost${port}`));
      await within(known, () => opens(`nats://localhost${port}`));
      const unknown = await refusal(opens(`tls://localhost${port}`));
      assert.match(unknown, `InputError: cannot connect to tls://localhost${port}: `);
      assert.match(unknown, "; NATS_CA names the file with the certificate of your own authority");
      const other = await within(known, () => refusal(opens(`tls://127.0.0.1${port}`)));
      assert.match(other, `cannot connect to tls://127.0.0.1${port}: `, "the certificate is for localhost alone");
      const missing = await within({ NATS_CA: at("no.pem") }, () => refusal(opens(`tls://localhost${port}`)));
      assert.match(missing, /cannot read .*no.pem: no such file/);
    });
    await withServer(certificate("number", "IP:127.0.0.1"), async ({ url }) => {
      await within({ NATS_CA: at("number.pem") }, () => opens(url.replace("nats:", "tls:")));
    });
    await withServer([], async ({ url }) => {
      assert.match(await refusal(opens(url.replace("nats:", "tls:"))), "cannot connect to tls://127.0.0.1");
    });
  },
);
