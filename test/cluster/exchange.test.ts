/** What holds for every exchange, and what only a server can get wrong. */
import * as fs from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { nameOf } from "../../src/cluster/blocks.ts";
import { type Exchange, MOST_BYTES } from "../../src/cluster/exchange.ts";
import { natsAddress } from "../../src/cluster/nats-client.ts";
import { openExchange } from "../../src/cluster/open-exchange.ts";
import { read, root } from "../documents.ts";
import { folderFor } from "../folder.ts";
import { type Suite, suite } from "../harness.ts";
import { inTime } from "../in-time.ts";
import { NatsServer, noServer } from "./nats-server.ts";

/** Milliseconds, of a lease that is to end. Others are so long that no machine is late. */
const LEASE = 1500;
const LONG_LEASE = 600_000;
/** How long a job is waited for that is there. */
const PATIENCE = 60_000;
const bytes = (text: string) => new TextEncoder().encode(text);
const text = (value: Uint8Array | undefined) => new TextDecoder().decode(value);

async function messageOf(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => "nothing was refused",
    (error: Error) => `${error.name}: ${error.message}`,
  );
}

interface Kind {
  readonly name: string;
  readonly reason: string | undefined;
  /** Makes an empty exchange. */
  readonly begin?: () => Promise<void>;
  /** Another connection to it. */
  readonly open: (lease: number) => Promise<Exchange>;
  /** Puts wrong bytes in the place of a block. */
  readonly damage?: (name: string) => void;
}

/** Has a job while it renews its lease; then the other has it. */
async function oneRenews(one: Exchange, other: Exchange, lease: number): Promise<void> {
  const queue = `leases-${lease}`;
  await one.offer(queue, "kept");
  const kept = await one.take(queue, PATIENCE);
  const renewal = setInterval(() => kept?.renew(), lease / 5);
  const early = await other.take(queue, 2 * lease);
  clearInterval(renewal);
  assert.is(early, undefined);
  const taken = await other.take(queue, PATIENCE);
  assert.is(taken?.job, "kept");
  await kept?.acknowledge(); // late, and harmless
  await taken?.acknowledge();
  assert.is(await one.take(queue, lease + 500), undefined);
}

function behaves(test: Suite, { name, reason, begin, open, damage }: Kind): void {
  let ours: Exchange;
  let theirs: Exchange;
  test.before(async () => {
    if (reason !== undefined) return;
    await begin?.();
    [ours, theirs] = [await open(LONG_LEASE), await open(LONG_LEASE)];
  });
  test.after(async () => {
    await ours?.close();
    await theirs?.close();
  });
  const holds = (title: string, handler: () => Promise<void>) => test.unless(reason, `${name}: ${title}`, handler);

  holds("a block is found under the SHA-256 of its bytes, at every size that is allowed", async () => {
    for (const size of [0, 1, MOST_BYTES - 1, MOST_BYTES]) {
      const block = Uint8Array.from({ length: size }, (_, i) => (i * 7) % 251);
      const found = await ours.put(block);
      assert.is(found, nameOf(block));
      assert.is(await theirs.put(block), found, "once more");
      assert.is(nameOf(await theirs.get(found)), found, `${size} bytes`);
    }
    assert.match(await messageOf(ours.put(new Uint8Array(MOST_BYTES + 1))), /InputError: a block has 524289 bytes/);
  });

  holds("a block that is not there is named", async () => {
    const missing = nameOf(bytes("never put"));
    assert.match(await messageOf(ours.get(missing)), `has no block ${missing}`);
  });

  if (damage !== undefined) {
    holds("a damaged block is refused", async () => {
      const found = await ours.put(bytes("as it was"));
      damage(found);
      assert.match(await messageOf(theirs.get(found)), `InputError: the block ${found} of`);
    });
  }

  holds("of two that write the same state of a record, one is told that it came late", async () => {
    assert.is(await ours.read("numbers", "a"), undefined);
    const first = await ours.write("numbers", "a", bytes("1"), 0);
    assert.is(await theirs.write("numbers", "a", bytes("one"), 0), undefined);
    const seen = await theirs.read("numbers", "a");
    assert.equal([text(seen?.value), seen?.revision], ["1", first]);
    assert.ok(Math.abs((seen?.changedAt ?? 0) - Date.now()) < 60_000);
    const second = await theirs.write("numbers", "a", bytes("2"), first ?? -1);
    assert.ok((second ?? 0) > (first ?? 0));
    assert.is(await ours.write("numbers", "a", bytes("late"), first ?? -1), undefined);
    assert.is(text((await ours.read("numbers", "a"))?.value), "2");
  });

  holds("ten that count together lose no step", async () => {
    const count = async (exchange: Exchange) => {
      for (;;) {
        const entry = await exchange.read("numbers", "sum");
        const next = Number(text(entry?.value) || 0) + 1;
        if ((await exchange.write("numbers", "sum", bytes(String(next)), entry?.revision ?? 0)) !== undefined) return;
      }
    };
    await Promise.all(Array.from({ length: 10 }, (_, i) => count(i % 2 ? ours : theirs)));
    assert.is(text((await ours.read("numbers", "sum"))?.value), "10");
  });

  holds("keys are those of one map, sorted", async () => {
    for (const key of ["b", "a_1", "C-2"]) await ours.write("letters", key, bytes(key), 0);
    assert.equal(await theirs.keys("letters"), ["C-2", "a_1", "b"]);
    assert.equal(await theirs.keys("nothing"), []);
  });

  holds("a job is handed to one worker, once, however often it was offered", async () => {
    for (const exchange of [ours, theirs, ours]) await exchange.offer("once", "job");
    const [first, second] = [await ours.take("once", PATIENCE), await theirs.take("once", 500)];
    assert.is(first?.job, "job");
    assert.is(second, undefined);
    await ours.offer("once", "job");
    assert.ok(await first?.renew());
    assert.is(await theirs.take("once", 500), undefined, "offered while somebody has it");
    await first?.acknowledge();
    assert.is(await theirs.take("once", 500), undefined);
    await theirs.offer("once", "job");
    const again = await theirs.take("once", PATIENCE);
    assert.is(again?.job, "job", "a job that is done can be offered anew");
    await again?.acknowledge();
  });

  holds("a job whose lease is not renewed goes to somebody else; one that is renewed does not", async () => {
    await inTime(LEASE, async (lease) => {
      const [one, other] = [await open(lease), await open(lease)];
      const close = () => Promise.all([one.close(), other.close()]);
      await oneRenews(one, other, lease).finally(close);
    });
  });

  holds("a job that is given back is there at once", async () => {
    await ours.offer("back", "job");
    const first = await ours.take("back", PATIENCE);
    await first?.giveBack();
    const second = await theirs.take("back", PATIENCE);
    assert.is(second?.job, "job");
    await second?.acknowledge();
  });

  holds("queues do not see each other's jobs", async () => {
    await ours.offer("left", "job");
    assert.is(await ours.take("right", 500), undefined);
    const taken = await ours.take("left", PATIENCE);
    assert.is(taken?.job, "job");
    await taken?.acknowledge();
  });
}

const directories = suite("exchange in a directory");
const shared = folderFor(directories, "exchange-directory");
behaves(directories, {
  name: "a directory",
  reason: undefined,
  open: (lease) => openExchange(shared, { lease }),
  damage: (name) => fs.writeFileSync(join(shared, "blocks", name.slice(0, 2), name), "as it is now"),
});

directories("a file is no exchange", async () => {
  const path = join(shared, "file");
  fs.writeFileSync(path, "");
  assert.match(await messageOf(openExchange(path)), `InputError: ${path} is a file`);
});

directories("a writer that comes so late that its number is free again changes nothing", async () => {
  const exchange = await openExchange(shared);
  for (let revision = 0; revision < 6; revision++) await exchange.write("late", "a", bytes(String(revision)), revision);
  assert.equal(fs.readdirSync(join(shared, "maps/late/a")).sort(), ["5", "6"]);
  assert.is(await exchange.write("late", "a", bytes("late"), 1), undefined);
  assert.is(text((await exchange.read("late", "a"))?.value), "5");
});

const servers = suite("exchange on a server");
const kept = folderFor(servers, "exchange-nats");
let server: NatsServer | undefined;
servers.after(() => server?.kill());
behaves(servers, {
  name: "NATS",
  reason: noServer,
  begin: async () => {
    server = await NatsServer.start(kept);
  },
  open: (lease) => openExchange(server!.url, { lease }),
});

servers.unless(
  noServer,
  "NATS: nothing is lost when the server is killed, and what was begun meanwhile is done",
  async () => {
    const exchange = await openExchange(server!.url, { lease: LONG_LEASE });
    const block = await exchange.put(bytes("kept on disk"));
    await exchange.write("kept", "a", bytes("1"), 0);
    await exchange.offer("kept", "job");
    await server!.kill();
    const reading = exchange.get(block);
    const taking = exchange.take("kept", PATIENCE);
    await server!.restart();
    assert.is(text(await reading), "kept on disk");
    assert.is(text((await exchange.read("kept", "a"))?.value), "1");
    const delivery = (await taking) ?? (await exchange.take("kept", PATIENCE));
    assert.is(delivery?.job, "job");
    await delivery?.acknowledge();
    await exchange.close();
  },
);

servers.unless(
  noServer,
  "NATS: workers of one queue have one lease; when none is there, it can be another",
  async () => {
    const [one, same, other] = await Promise.all(
      [LONG_LEASE, LONG_LEASE, LEASE].map((lease) => openExchange(server!.url, { lease })),
    );
    await one.offer("one-lease", "job");
    const delivery = await one.take("one-lease", PATIENCE);
    assert.is(await same.take("one-lease", 0), undefined);
    const refused = messageOf(other.take("one-lease", 0));
    assert.match(await refused, `workers there have --lease ${LONG_LEASE / 1000}, and all must have the same`);
    await delivery?.acknowledge();
    for (const exchange of [one, same]) await exchange.close();
    await inTime(2000, async (time) => {
      await new Promise((resolve) => setTimeout(resolve, time)); // the server still counts whoever asked a moment ago
      assert.is(await other.take("one-lease", 0), undefined);
    });
    await other.close();
  },
);

servers.unless(noServer, "NATS: a queue whose consumer the server has lost gets another one", async () => {
  const exchange = await openExchange(server!.url, { lease: LONG_LEASE });
  assert.is(await exchange.take("lost", 0), undefined);
  const { connect } = await import("@nats-io/transport-node");
  const { jetstreamManager } = await import("@nats-io/jetstream");
  const stranger = await connect({ servers: server!.url.slice("nats://".length) });
  const { consumers } = await jetstreamManager(stranger);
  for (const job of ["one", "two"]) {
    await consumers.delete("MEMORIZING_JOBS", "lost");
    await exchange.offer("lost", job);
    const delivery = (await exchange.take("lost", 1000)) ?? (await exchange.take("lost", PATIENCE));
    assert.is(delivery?.job, job);
    await delivery?.acknowledge();
  }
  const waiting = exchange.take("lost", PATIENCE);
  await new Promise((resolve) => setTimeout(resolve, 300)); // it waits for a job
  await consumers.delete("MEMORIZING_JOBS", "lost");
  await exchange.offer("lost", "three");
  assert.is((await waiting)?.job, "three");
  await stranger.close();
  await exchange.close();
});

servers.unless(noServer, "NATS: a server that is not there is one sentence", async () => {
  assert.match(
    await messageOf(openExchange("nats://127.0.0.1:1")),
    /^InputError: cannot connect to nats:..127.0.0.1:1/,
  );
});

servers("an address is read without showing its login", () => {
  const { shown, options } = natsAddress("nats://me:p%40ss@host");
  assert.equal([shown, options.servers, options.user, options.pass], ["nats://host:4222", "host:4222", "me", "p@ss"]);
  assert.equal(natsAddress("tls://t0ken@host:5000").options, { servers: "host:5000", token: "t0ken", tls: {} });
  assert.throws(
    () => natsAddress("nats://me:s3cret@/path"),
    (error: Error) => !error.message.includes("s3cret"),
  );
});

servers("the client of NATS is loaded for an address only: every other import of it is of types", () => {
  const names = fs.readdirSync(new URL("src/", root), { recursive: true, encoding: "utf8" });
  const files = names.filter((name) => name.endsWith(".ts")).map((name) => name.replaceAll("\\", "/"));
  const lines = files.flatMap((file) => {
    const found = read(`src/${file}`)
      .split("\n")
      .filter((line) => /["'`]@nats-io\/[a-z]+/.test(line));
    return found.filter((line) => !line.startsWith("import type ")).map((line) => `${file}: ${line.trim()}`);
  });
  assert.equal(lines.sort(), [
    'cluster/nats-client.ts: import("@nats-io/jetstream"),',
    'cluster/nats-client.ts: import("@nats-io/kv"),',
    'cluster/nats-client.ts: import("@nats-io/transport-node"),',
    'cluster/nats-client.ts: import("@nats-io/transport-node/lib/node_transport.js"),',
  ]);
});
