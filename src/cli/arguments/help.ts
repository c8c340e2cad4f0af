/** Lays out a command's description as `--help` prints it. */
import { formatTable } from "../../report/table.ts";
import { type CommandDescription, type Option, optionName } from "./options.ts";

export function helpText({ name, summary, operands = [], options, details }: CommandDescription): string {
  const entries = Object.entries(options);
  const written = entries.map(([key, option]) => usageOf(key, option));
  const mandatory = written.filter((_, index) => entries[index][1].required);
  const usage = [name, ...operands, ...mandatory, "[options]"].join(" ");
  const rows = entries.map(([, { about }], index) => [written[index], about]);
  const list = formatTable([...rows, ["--help", "prints this"]], "left");
  const sections = [summary, `Usage: ${usage}`, `Options:\n${list}`, details?.()];
  return `${sections.filter((section) => section !== undefined).join("\n\n")}\n`;
}

/** An option as it is typed: `--read FILE…`. */
function usageOf(key: string, { placeholder, many }: Option<unknown>): string {
  const value = placeholder === undefined ? "" : ` ${placeholder}${many ? "…" : ""}`;
  return `${optionName(key)}${value}`;
}
