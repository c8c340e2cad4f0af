/** Texts and files that tests give to the page, and how a visitor drops them. */
import { Buffer } from "node:buffer";
import { Random } from "../../src/base/random.ts";
import type { BrowserPage } from "../report/html/browser.ts";

/** A file as an input takes it. */
export interface Given {
  readonly name: string;
  readonly mimeType: string;
  readonly buffer: Buffer;
}

export function file(name: string, text: string): Given {
  return { name, mimeType: "text/plain", buffer: Buffer.from(text) };
}

/** Some 1,500 tokens: names that nobody has seen, and then the same names again, out of the reach of local attention. */
export const TEXT: string = (() => {
  const random = new Random(1);
  const letters = (count: number) =>
    Array.from({ length: count }, () => "abdegiklmnoprstuvz"[Math.floor(18 * random.next())]);
  const names = Array.from({ length: 50 }, () => `${letters(5).join("")}${letters(4).join("").toUpperCase()}`);
  const list = names.map((name, i) => `const ${name} = ${i};\n`).join("");
  return `${list}${names.map((name) => `use(${name});\n`).join("")}`;
})();

/** A line, and a name, that would execute if it became HTML. */
export const HOSTILE: string = `</script><script>document.title = "owned"</script><img src=x onerror="document.title='owned'">&amp;\n`;
export const HOSTILE_NAME = `<img src=x onerror="document.title='owned'">`;

/** Drops files and folders on the page, as the browser's own protocol does it. */
export async function drop(page: BrowserPage, ...files: string[]): Promise<void> {
  const session = await page.context().newCDPSession(page);
  const data = { items: [], files, dragOperationsMask: 1 };
  for (const type of ["dragEnter", "dragOver", "drop"]) {
    await session.send("Input.dispatchDragEvent", { type, x: 300, y: 300, data });
  }
}

/** The text of an element. */
export function textOf(page: BrowserPage, id: string): Promise<string> {
  return page.evaluate<string>(`document.getElementById("${id}").textContent`);
}

/** What hostile input must not have changed: the title, and elements that texts and names would have made. Resolves to what did. */
export function executed(page: BrowserPage): Promise<string[]> {
  return page.evaluate<string[]>(`[
    ...(document.title === "A model that remembers what it reads" ? [] : [document.title]),
    ...[...document.querySelectorAll("body img, body script")].map((element) => element.outerHTML),
  ]`);
}
