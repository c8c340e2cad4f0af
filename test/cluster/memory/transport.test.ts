/** What holds for every way of questions and answers, and for the thread that waits for answers in the place of one that sleeps. */
import { mkdirSync, readdirSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import * as assert from "uvu/assert";
import { MOST_BYTES } from "../../../src/cluster/exchange.ts";
import { BlockingAsker } from "../../../src/cluster/memory/blocking-asker.ts";
import { appendSegments } from "../../../src/cluster/memory/manifest.ts";
import { encodeMessage, Message } from "../../../src/cluster/memory/message.ts";
import { openTransport } from "../../../src/cluster/memory/open-transport.ts";
import type { Transport } from "../../../src/cluster/memory/transport.ts";
import { openExchange } from "../../../src/cluster/open-exchange.ts";
import { folderFor } from "../../folder.ts";
import { type Suite, suite } from "../../harness.ts";
import { inTime } from "../../in-time.ts";
import { refusal } from "../../refusal.ts";
import { NatsServer, noServer } from "../nats-server.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const text = (message: Uint8Array) => new TextDecoder().decode(message);

/** All answers to a question, in any order. */
async function answersTo(transport: Transport, subject: string, message: Uint8Array, count: number, time = 60_000) {
  const answers: string[] = [];
  await transport.ask(subject, message, time, (answer) => answers.push(text(answer)) === count);
  return answers.sort();
}

interface Kind {
  readonly name: string;
  readonly reason: string | undefined;
  readonly place: () => Promise<string>;
}

function behaves(test: Suite, { name, reason, place: open }: Kind): void {
  const transports: Transport[] = [];
  let place = "";
  const join = async () => {
    const transport = await openTransport(place);
    transports.push(transport);
    return transport;
  };
  test.before(async () => {
    if (reason === undefined) place = await open();
  });
  test.after(async () => {
    for (const transport of transports) await transport.close();
  });
  const holds = (title: string, handler: () => Promise<void>) => test.unless(reason, `${name}: ${title}`, handler);

  holds("all that listen to a subject may answer, and others hear nothing", async () => {
    const [asker, one, two, other] = [await join(), await join(), await join(), await join()];
    await one.listen(["both", "one"], (message) => bytes(`one heard ${text(message)}`));
    await two.listen(["both"], (message) =>
      text(message) === "silence" ? undefined : bytes(`two heard ${text(message)}`),
    );
    await other.listen(["other"], () => bytes("other"));
    assert.equal(await answersTo(asker, "both", bytes("a"), 2), ["one heard a", "two heard a"]);
    await inTime(300, async (time) => {
      assert.equal(await answersTo(asker, "one", bytes("b"), 2, time), ["one heard b"], "when the time is over");
      assert.equal(await answersTo(asker, "both", bytes("silence"), 2, time), ["one heard silence"]);
    });
    assert.equal(await answersTo(asker, "nobody", bytes("c"), 1, 200), []);
  });

  holds("many questions at once get their own answers", async () => {
    const [asker, echo] = [await join(), await join()];
    await echo.listen(["echo"], (message) => message);
    const asked = Array.from({ length: 40 }, (_, i) => `${i}`);
    const answers = await Promise.all(asked.map((each) => answersTo(asker, "echo", bytes(each), 1)));
    assert.equal(answers.flat(), asked);
  });

  holds("the largest message arrives whole, both ways", async () => {
    const [asker, echo] = [await join(), await join()];
    await echo.listen(["large"], (message) => message.map((byte) => byte ^ 1));
    const large = Uint8Array.from({ length: MOST_BYTES }, (_, i) => (i * 31) % 256);
    let found = new Uint8Array();
    await asker.ask("large", large, 60_000, (answer) => {
      found = Uint8Array.from(answer);
      return true;
    });
    assert.is(
      Buffer.compare(
        found,
        large.map((byte) => byte ^ 1),
      ),
      0,
    );
  });

  holds("who listens later than it was asked still answers, once", async () => {
    const [asker, late] = [await join(), await join()];
    let heard = 0;
    const answers = answersTo(asker, "late", bytes("a"), 1);
    await pause(100);
    await late.listen(["late"], () => bytes(`${++heard}`));
    assert.equal(await answers, ["1"]);
    await pause(100);
    assert.is(heard, 1);
  });

  holds("an error in taking an answer ends the asking with it", async () => {
    const [asker, echo] = [await join(), await join()];
    await echo.listen(["thrown"], (message) => message);
    const asked = asker.ask("thrown", bytes("a"), 60_000, () => {
      throw new Error("as thrown");
    });
    const message = await asked.then(
      () => "nothing",
      (error: Error) => error.message,
    );
    assert.is(message, "as thrown");
  });

  holds("a thread asks for one that sleeps: the manifest, and questions that nobody answers in time", async () => {
    // Nobody answers: this thread sleeps. Answers come from other processes in commands.test.ts.
    const exchange = await openExchange(place);
    await appendSegments(exchange, "m", { heads: 1, width: 2, layers: [0] }, "0".repeat(64), [
      { name: "1".repeat(64), pairs: 3, file: "a" },
    ]);
    await exchange.close();
    const asker = await BlockingAsker.open(place, "here", "m");
    try {
      assert.is(asker.manifest()?.nextPair, 3);
      const question = { subject: "unheard", message: bytes("a"), covers: ["0"] };
      assert.equal(asker.ask([question, question], 300), [[], []]);
      assert.equal(asker.ask([], 300), []);
    } finally {
      await asker.close();
    }
  });
}

const directories = suite("questions in a directory");
const shared = folderFor(directories, "memory-transport");
behaves(directories, { name: "a directory", reason: undefined, place: async () => shared });

/** Waits until the directory is empty; resolves to what is there after a minute. */
async function leftIn(directory: string): Promise<string[]> {
  for (let waited = 0; waited < 60_000 && readdirSync(directory).length > 0; waited += 10) await pause(10);
  return readdirSync(directory);
}

directories(
  "a directory: several that answer the same question leave no answers, nor do killed processes",
  async () => {
    const place = join(shared, "replicas");
    const [answers, asks] = [join(place, "answers"), join(place, "asks/same")];
    const transports = await Promise.all([1, 2, 3, 4].map(() => openTransport(place)));
    const [asker, ...replicas] = transports;
    const old = new Date(Date.now() - 3 * 3_600_000);
    for (const directory of [answers, asks]) {
      mkdirSync(directory, { recursive: true });
      writeFileSync(join(directory, "left_a"), "by one that was killed");
      utimesSync(join(directory, "left_a"), old, old);
    }
    for (const each of replicas) await each.listen(["same"], (message) => message);
    const asked = Array.from({ length: 25 }, (_, i) => `${i}`);
    for (const each of asked) assert.equal(await answersTo(asker, "same", bytes(each), 1), [each]);
    assert.equal([await leftIn(answers), await leftIn(asks)], [[], []]);
    for (const each of transports) await each.close();
    assert.equal([readdirSync(answers), readdirSync(asks)], [[], []]);
  },
);

const servers = suite("questions on a server");
const kept = folderFor(servers, "memory-transport-nats");
let server: NatsServer | undefined;
behaves(servers, {
  name: "NATS",
  reason: noServer,
  place: async () => {
    server = await NatsServer.start(kept);
    return server.url;
  },
});
servers.after(() => server?.kill());

const broken = suite("questions in a directory that cannot be written");
const folderOfBroken = folderFor(broken, "memory-transport-broken");

broken("what keeps answers from being written is told to whoever serves", async () => {
  writeFileSync(join(folderOfBroken, "answers"), "no directory");
  const [asker, server] = [await openTransport(folderOfBroken), await openTransport(folderOfBroken)];
  await server.listen(["any"], () => bytes("an answer"));
  server.requireListening();
  const asked = answersTo(asker, "any", bytes("a question"), 1, 2000);
  for (let waited = 0; waited < 2000 && !isRefused(server); waited += 10) await pause(10);
  assert.match(
    refusal(() => server.requireListening()),
    `cannot write ${folderOfBroken}/answers/`,
  );
  assert.equal(await asked, []);
  await server.close();
});

function isRefused(transport: Transport): boolean {
  try {
    transport.requireListening();
    return false;
  } catch {
    return true;
  }
}

const messages = suite("messages of a memory");

messages("a header and three arrays, written out", () => {
  const message = encodeMessage({ a: 1 }, Float32Array.of(2), Int32Array.of(-3), Float64Array.of(4, 5));
  assert.equal([...message.subarray(0, 11)], [7, 0, 0, 0, ...bytes('{"a":1}')]);
  const read = new Message(message);
  assert.equal(read.header, { a: 1 });
  assert.equal([[...read.floats(1)], [...read.integers(1)], [...read.doubles(2)]], [[2], [-3], [4, 5]]);
  read.end();
  assert.equal(new Message(encodeMessage({})).header, {});
});

messages("what is cut off, too long or no message is refused", () => {
  const message = encodeMessage({ a: 1 }, Float32Array.of(2));
  for (let length = 0; length < message.length; length++) {
    assert.match(
      refusal(() => new Message(message.subarray(0, length)).floats(1)),
      "message",
      `${length} bytes`,
    );
  }
  assert.match(
    refusal(() => new Message(message).end()),
    "more numbers",
  );
  assert.match(
    refusal(() => encodeMessage({}, new Uint8Array(MOST_BYTES))),
    "a question to a memory",
  );
});
