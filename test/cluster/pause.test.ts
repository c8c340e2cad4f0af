/** Loops that look again and again do not look too often. */
import * as assert from "uvu/assert";
import { atMostEvery } from "../../src/cluster/pause.ts";
import { suite } from "../harness.ts";

const test = suite("looking now and then");

test("every time if no time must pass, and never before it has passed", async () => {
  let done = 0;
  const work = async () => ++done;
  const [always, never] = [atMostEvery(0, work), atMostEvery(1e9, work)];
  await always();
  await always();
  assert.is(done, 2);
  await never();
  assert.is(done, 2);
});

test("the error of the work is that of the look", async () => {
  const look = atMostEvery(0, () => Promise.reject(new Error("over")));
  let message = "";
  await look().catch((error) => (message = error.message));
  assert.is(message, "over");
});
