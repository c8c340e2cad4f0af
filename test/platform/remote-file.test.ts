/** Files from a server: whole, by ranges, kept for the next time; and servers that get it wrong. */
import * as assert from "uvu/assert";
import { InputError } from "../../src/base/errors.ts";
import { PieceCache, type PieceStore } from "../../src/platform/piece-cache.ts";
import { fetchByRanges, fetchWhole } from "../../src/platform/remote-file.ts";
import { suite } from "../harness.ts";
import { type RangeServer, type ServedFile, sendPart, startRangeServer } from "./range-server.ts";

const test = suite("remote files");

const PIECE = 2 ** 23;
let server: RangeServer;
test.before(async () => {
  server = await startRangeServer();
});
test.after(() => server.close());

/** Bytes that differ from piece to piece. */
function content(length: number, seed = 0): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (i * 7 + (i >> 8) + (i >> 16) + seed) & 255);
}

let served = 0;
/** Serves a file at an address of its own. */
function serve(file: ServedFile): string {
  const path = `/file-${served++}`;
  server.files.set(path, file);
  return server.address + path;
}

/** Ranges that were asked for at an address since the last call. */
function asked(url: string): string[] {
  const path = url.slice(server.address.length);
  const own = server.asked.filter((each) => each.split(" ")[0] === path).map((each) => each.slice(path.length + 1));
  server.asked.length = 0;
  return own;
}

async function sentence(action: Promise<unknown>): Promise<string> {
  const thrown = await action.then(
    () => "nothing",
    (error) => error,
  );
  assert.instance(thrown, InputError, `expected an InputError, but ${thrown} was thrown`);
  return thrown.message;
}

/** A cache in memory. */
function store(): PieceStore & { readonly kept: Map<string, Response> } {
  const kept = new Map<string, Response>();
  return {
    kept,
    match: async (url) => kept.get(url)?.clone(),
    put: async (url, response) => void kept.set(url, response),
    delete: async (url) => kept.delete(url),
    keys: async () => [...kept.keys()].map((url) => ({ url })),
  };
}

const large = content(2 * PIECE + 5);
const part = (from: number) => `${from}-${Math.min(from + PIECE, large.length) - 1}`;
/** The first byte, for what the headers say, and then all pieces. */
const everyPart = ["0-0", part(0), part(PIECE), part(2 * PIECE)];

test("a small example, written out: five bytes, after one of them to learn how many there are", async () => {
  const url = serve({ bytes: Uint8Array.of(3, 1, 4, 1, 5), etag: '"a"' });
  const done: string[] = [];
  const bytes = await fetchByRanges(url, { onBytes: (have, all) => done.push(`${have} of ${all}`) });
  assert.equal([...bytes!], [3, 1, 4, 1, 5]);
  assert.equal([asked(url), done], [["0-0", "0-4"], ["5 of 5"]]);
  assert.equal([...(await fetchWhole(url))!], [3, 1, 4, 1, 5]);
});

for (const length of [1, PIECE - 1, PIECE, PIECE + 1, large.length]) {
  test(`${length} bytes, piece by piece`, async () => {
    const url = serve({ bytes: large.subarray(0, length) });
    const bytes = await fetchByRanges(url);
    assert.ok(Buffer.from(large.subarray(0, length)).equals(bytes!));
    assert.is(asked(url).length, 1 + Math.ceil(length / PIECE));
  });
}

test("a file that is not there is undefined", async () => {
  assert.is(await fetchByRanges(`${server.address}/nowhere`), undefined);
  assert.is(await fetchWhole(`${server.address}/nowhere`), undefined);
});

test("a server that knows no ranges, or hides which part it sends, sends all at once", async () => {
  const whole = serve({ bytes: large, instead: (response) => Boolean(response.writeHead(200).end(large)) });
  assert.ok(Buffer.from(large).equals((await fetchByRanges(whole))!));
  assert.is(asked(whole).length, 1);
  const hidden = serve({
    bytes: large,
    instead: (response, { from, to }, number) => {
      if (number === 1) sendPart(response, large.subarray(from, to), undefined);
      return number === 1;
    },
  });
  assert.ok(Buffer.from(large).equals((await fetchByRanges(hidden))!));
  assert.equal(asked(hidden), ["0-0", ""]);
});

test("kept pieces are not fetched again while the file is the same, and are when it is another", async () => {
  const file: ServedFile = { bytes: large, etag: '"one"' };
  const url = serve(file);
  const kept = store();
  const cache = new PieceCache(kept);
  await fetchByRanges(url, { cache });
  assert.equal(asked(url), everyPart);
  assert.ok(Buffer.from(large).equals((await fetchByRanges(url, { cache }))!));
  assert.equal(asked(url), ["0-0"], "to learn that nothing changed");
  const other = content(large.length, 9);
  Object.assign(file, { bytes: other, etag: '"two"' });
  assert.ok(Buffer.from(other).equals((await fetchByRanges(url, { cache }))!));
  assert.equal(asked(url), everyPart);
  Object.assign(file, { bytes: other.subarray(0, PIECE + 3) }); // another size
  assert.is((await fetchByRanges(url, { cache }))!.length, PIECE + 3);
  assert.is(kept.kept.size, 3, "a version and two pieces; nothing of the older ones");
});

test("a download that was interrupted goes on", async () => {
  const file: ServedFile = { bytes: large, etag: '"one"' };
  file.instead = (response, _, number) => number >= 3 && Boolean(response.destroy());
  const url = serve(file);
  const cache = new PieceCache(store());
  assert.match(await sentence(fetchByRanges(url, { cache })), `${url} cannot be reached: `);
  server.asked.length = 0;
  file.instead = undefined;
  assert.ok(Buffer.from(large).equals((await fetchByRanges(url, { cache }))!));
  assert.equal(asked(url), ["0-0", part(PIECE), part(2 * PIECE)]);
});

test("a connection that ends is opened once more", async () => {
  const url = serve({ bytes: large, instead: (response, _, number) => number === 3 && Boolean(response.destroy()) });
  assert.ok(Buffer.from(large).equals((await fetchByRanges(url))!));
  assert.equal(asked(url), ["0-0", part(0), part(PIECE), part(PIECE), part(2 * PIECE)]);
});

test("a file whose state the server does not say is not kept; a cache that cannot write is no reason to stop", async () => {
  const url = serve({ bytes: large });
  const kept = store();
  await fetchByRanges(url, { cache: new PieceCache(kept) });
  await fetchByRanges(url, { cache: new PieceCache(kept) });
  assert.equal(asked(url), [...everyPart, ...everyPart]);
  const full = { ...store(), put: () => Promise.reject(new Error("the disk is full")) };
  const named = serve({ bytes: large, etag: '"a"' });
  assert.ok(Buffer.from(large).equals((await fetchByRanges(named, { cache: new PieceCache(full) }))!));
});

test("files of several addresses do not share pieces, not even if one begins like the other", async () => {
  const [a, b] = [content(9, 1), content(9, 2)];
  const [one, two] = [serve({ bytes: a, etag: '"a"' }), serve({ bytes: b, etag: '"a"' })];
  const cache = new PieceCache(store());
  for (const [url, bytes] of [
    [one, a],
    [two, b],
    [`${one}?x`, a],
    [`${one}#y`, a],
  ] as const) {
    for (let visit = 0; visit < 2; visit++) assert.equal([...(await fetchByRanges(url, { cache }))!], [...bytes]);
  }
});

/** Another answer to the request of this number. */
const at = (number: number, answer: ServedFile["instead"]): ServedFile["instead"] => {
  return (response, range, current) => current === number && answer!(response, range, current);
};

const wrong: Readonly<Record<string, { instead: ServedFile["instead"]; says: string }>> = {
  "another ETag": {
    instead: at(3, (response, { from, to }) => {
      sendPart(response, large.subarray(from, to), `bytes ${from}-${to - 1}/${large.length}`, '"two"');
      return true;
    }),
    says: " was changed while it was being read; read it again",
  },
  "another size": {
    instead: at(4, (response, { from, to }) => {
      sendPart(response, large.subarray(from, to), `bytes ${from}-${to - 1}/${large.length + 1}`, '"one"');
      return true;
    }),
    says: " was changed while it was being read; read it again",
  },
  "no file any more": {
    instead: at(3, (response) => Boolean(response.writeHead(404).end())),
    says: " was changed while it was being read; read it again",
  },
  "the whole where a part was asked for": {
    instead: at(3, (response) => Boolean(response.writeHead(200, { ETag: '"one"' }).end(large))),
    says: " was changed while it was being read; read it again",
  },
  "other bytes than were asked for": {
    instead: at(3, (response, { to }) => {
      sendPart(response, large.subarray(0, PIECE), `bytes 0-${PIECE - 1}/${large.length}`, '"one"');
      return to > 0;
    }),
    says: `: the server sent bytes 0 to ${PIECE - 1} where bytes ${PIECE} to ${2 * PIECE - 1} were asked for`,
  },
  "fewer bytes than it says": {
    instead: at(2, (response, { from, to }) => {
      sendPart(response, large.subarray(from, to - 1), `bytes ${from}-${to - 1}/${large.length}`, '"one"');
      return true;
    }),
    says: `: the server sent ${PIECE - 1} bytes and called them bytes 0 to ${PIECE - 1}`,
  },
  "a size beyond all memory": {
    instead: at(1, (response) => {
      sendPart(response, large.subarray(0, 9), "bytes 0-8/99999999999999", '"one"');
      return true;
    }),
    says: " has 99999999999999 bytes, more than the 4294967296 that fit",
  },
  "an error": {
    instead: at(2, (response) => Boolean(response.writeHead(503).end("busy"))),
    says: " cannot be read: the server answered 503 Service Unavailable",
  },
};

for (const [name, { instead, says }] of Object.entries(wrong)) {
  test(`one sentence for ${name}`, async () => {
    const url = serve({ bytes: large, etag: '"one"', instead });
    assert.is(await sentence(fetchByRanges(url)), url + says);
  });
}

test("one sentence for a server that is not there; an abort stays an abort", async () => {
  const gone = await startRangeServer();
  await gone.close();
  assert.match(await sentence(fetchByRanges(`${gone.address}/a`)), `${gone.address}/a cannot be reached: `);
  const controller = new AbortController();
  const url = serve({ bytes: large, etag: '"one"' });
  const onBytes = () => controller.abort();
  const thrown = await fetchByRanges(url, { onBytes, signal: controller.signal }).catch((error) => error);
  assert.is(thrown.name, "AbortError");
  assert.equal(asked(url), ["0-0", part(0)]);
});
