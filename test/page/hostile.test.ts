/** Documents that would break the page, or take it over, if it let them. */
import { Buffer } from "node:buffer";
import * as assert from "uvu/assert";
import { suite } from "../harness.ts";
import { noPage, until, type Visit, visitPage } from "./built.ts";
import { executed, file, type Given, HOSTILE, HOSTILE_NAME, TEXT, textOf } from "./given.ts";

const test = suite("hostile documents");

let visit: Visit;
test.before(async () => {
  if (noPage === undefined) visit = await visitPage();
});
test.after(async () => {
  if (noPage === undefined) await visit.close();
});

const hostile: [name: string, given: Given][] = [
  ["a text with a script", file("script.html", HOSTILE.repeat(30))],
  ["a file whose name is HTML", file(`${HOSTILE_NAME}.txt`, HOSTILE.repeat(3))],
  ["a file with a very long name", file(`${"long".repeat(60)}.txt`, HOSTILE.repeat(3))],
  ["one long line", file("line.txt", "a line without an end, ".repeat(3000))],
  ["one long word", file("word.txt", "abcdefghij".repeat(3000))],
  ["controls and bidirectional marks", file("controls.txt", "\u0001\u001b[31m\u202e\ufeff\ud7ff".repeat(400))],
];

for (const [name, given] of hostile) {
  test.unless(noPage, `${name} is read, and executes nothing`, async () => {
    const { page, wrong } = await visit.open("sample=", { viewport: { width: 360, height: 800 } });
    await page.setInputFiles("#files", given);
    await until(page, `globalThis.losses?.[128]?.length > 100`);
    await page.evaluate(`document.getElementById("stop").hidden || document.getElementById("stop").click()`); // it may be over
    assert.is(await textOf(page, "text"), given.buffer.toString());
    assert.equal(await executed(page), []);
    assert.is(await page.evaluate("document.documentElement.scrollWidth"), 360);
    assert.equal(wrong, []);
    await page.close();
  });
}

test.unless(noPage, "a name that turns the direction of writing is shown with a sign in that place", async () => {
  const { page } = await visit.open("sample=");
  await page.setInputFiles("#files", file("\u202etxt.exe", TEXT));
  await until(page, `document.getElementById("status").textContent.startsWith("\ufffdtxt.exe is read")`);
  await page.close();
});

for (const [name, text] of [
  ["lines", HOSTILE.repeat(5e6 / HOSTILE.length)],
  ["one line", "a line without an end, ".repeat(5e6 / 23)],
  ["one word", "abcdefghij".repeat(5e5)],
] as const) {
  test.unless(
    noPage,
    `5 MB of ${name} are read up to a limit that a sentence names, and the reading stops`,
    async () => {
      const { page, wrong } = await visit.open("sample=");
      await page.setInputFiles("#files", file("large.txt", text));
      await until(page, `globalThis.losses?.[128]?.length > 100`);
      assert.match(
        await textOf(page, "refusal"),
        "A page reads 131,072 tokens at most; large.txt is read up to there.",
      );
      await page.locator("#stop").click();
      await until(page, `document.getElementById("stop").hidden`);
      assert.match(await textOf(page, "status"), "Stopped.");
      assert.equal(wrong, []);
      await page.close();
    },
  );
}

for (const [name, given] of [
  ["a file of zeros", file("zeros.bin", "\0".repeat(5000))],
  ["5 MB of zeros", file("zeros.txt", "\0".repeat(5e6))],
  ["a text with one zero", file("zero.txt", `${TEXT}\0${TEXT}`)],
  ["a file in another encoding", { ...file("latin.txt", ""), buffer: Buffer.from([0x61, 0xe9, 0x62]) }],
  ["an empty file", file("empty.txt", "")],
] as const) {
  test.unless(noPage, `${name} is refused in one sentence that names it, and the text before it stays`, async () => {
    const { page, wrong } = await visit.open("sample=");
    await page.setInputFiles("#files", file("before.ts", "use(first);\n".repeat(9)));
    await until(page, `/before.ts is read/.test(document.getElementById("status").textContent)`);
    await page.setInputFiles("#files", given);
    await until(page, `!document.getElementById("refusal").hidden`);
    assert.match(await textOf(page, "refusal"), given.name);
    assert.is(await textOf(page, "status"), "before.ts is still there.");
    await page.locator("#keep").click();
    await until(
      page,
      `/before.ts.memory.safetensors is kept/.test(document.getElementById("memory-status").textContent)`,
    );
    assert.equal(wrong, []);
    await page.close();
  });
}
