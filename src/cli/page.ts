/** `memorizing page`: serves the page in which a model reads, to browsers of this machine. */
import { join } from "node:path";
import { InputError } from "../base/errors.ts";
import { exists } from "../platform/files.ts";
import { PageServer } from "../serve/page-server.ts";
import { command } from "./arguments/command.ts";
import { integer } from "./arguments/options.ts";
import { ending } from "./ending.ts";
import { packageDirectory } from "./package.ts";
import { printLine } from "./printing.ts";
import { summaries } from "./summaries.ts";

const PORT = 8081;

export const pageCommand = command(
  {
    name: "memorizing page",
    summary: summaries.page,
    operands: [],
    options: { port: integer(`port of 127.0.0.1, 0 for a free one [${PORT}]`, 0, 65_535) },
    details: () =>
      "It opens nothing by itself: open the address that it prints. Everything is computed in the browser, and\n" +
      "nothing leaves it. It serves until Ctrl-C, or kill.",
  },
  async ({ port = PORT }) => {
    const directory = join(packageDirectory(), "dist/page");
    if (!exists(join(directory, "index.html"))) {
      throw new InputError(`${directory} does not hold the page; in a clone, npm run page builds it`);
    }
    const server = new PageServer({ "/": directory, "/models/": join(packageDirectory(), "models") });
    const listening = await server.listen(port);
    printLine(`the page is at http://127.0.0.1:${listening}/`);
    await ending();
    await server.close();
    return 0;
  },
);
