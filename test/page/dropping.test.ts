/** A file that is dropped on the page from outside, as the browser's own protocol does it. */
import * as fs from "node:fs";
import { join } from "node:path";
import { folderFor } from "../folder.ts";
import { suite } from "../harness.ts";
import { isRead, noPage, visitPage } from "./built.ts";

const test = suite("dropping");
const folder = folderFor(test, "dropping");

test.unless(noPage, "a document that is dropped anywhere is read", async () => {
  const visit = await visitPage();
  try {
    const { page } = await visit.open("sample=");
    const path = join(folder, "dropped.ts");
    fs.writeFileSync(path, "const first = 1;\nuse(first);\n".repeat(20));
    const session = await page.context().newCDPSession(page);
    const data = { items: [], files: [path], dragOperationsMask: 1 };
    for (const type of ["dragEnter", "dragOver", "drop"]) {
      await session.send("Input.dispatchDragEvent", { type, x: 300, y: 300, data });
    }
    await isRead(page, "dropped.ts");
  } finally {
    await visit.close();
  }
});
