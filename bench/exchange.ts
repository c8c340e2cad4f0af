/**
 * Measures an exchange: seconds to put files of several sizes and to get them over another connection. It prints a line of JSON,
 * a place of results/exchange.json: `node dist/bench/exchange.js nats://HOST:4222 [NAME] [MEGABITS]`. The name and the bandwidth are only
 * repeated in it. test/reliability/namespaces.ts runs it over links with a latency and a bandwidth.
 */
import { randomFillSync } from "node:crypto";
import { argv, stdout } from "node:process";
import type { Exchange } from "../src/cluster/exchange.ts";
import { getBytes, putBytes } from "../src/cluster/files.ts";
import { openExchange } from "../src/cluster/open-exchange.ts";
import { type ExchangePlace, type ExchangeRow, fastestOf } from "./exchange-report.ts";

const SIZES = [2 ** 10, 2 ** 16, 2 ** 19, 2 ** 22];
const ROUNDS = 12;

async function secondsOf(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await work();
  return (performance.now() - began) / 1000;
}

/** A question that the server answers at once. */
async function roundTrip(exchange: Exchange): Promise<number> {
  const times: number[] = [];
  for (let round = 0; round < 4 * ROUNDS; round++) times.push(await secondsOf(() => exchange.read("none", "none")));
  return fastestOf(times);
}

async function measure(ours: Exchange, theirs: Exchange, bytes: number): Promise<ExchangeRow> {
  const [put, get]: [number[], number[]] = [[], []];
  for (let round = -1; round < ROUNDS; round++) {
    const content = randomFillSync(new Uint8Array(bytes)); // never there before
    let name = "";
    const [there, back] = [
      await secondsOf(async () => (name = await putBytes(ours, content))),
      await secondsOf(() => getBytes(theirs, name, bytes)),
    ];
    if (round < 0) continue; // compiles what is measured
    put.push(there);
    get.push(back);
  }
  return { bytes, put, get };
}

const [place, name = place, megabits] = argv.slice(2);
const [ours, theirs] = [await openExchange(place), await openExchange(place)];
const trip = await roundTrip(ours);
const rows: ExchangeRow[] = [];
for (const bytes of SIZES) rows.push(await measure(ours, theirs, bytes));
const found: ExchangePlace = {
  name,
  roundTrip: trip,
  megabits: megabits === undefined ? null : Number(megabits),
  rows,
};
stdout.write(`${JSON.stringify(found)}\n`);
await ours.close();
await theirs.close();
