/** The table of sources that a model's card links to, made of the manifest. */

const KINDS = { code: "Code", proofs: "Formal proofs", latex: "LaTeX", prose: "Prose", docs: "Documentation" };
const REGISTRIES = { npm: "npm", pypi: "PyPI", debian: "Debian", local: "" };

/** Markdown: for each kind a table of what was learned from, and one table of what was held out. */
export function sourcesTable(manifest) {
  const learned = manifest.filter(({ split }) => split === "train");
  const total = sumOf(learned);
  const parts = Object.entries(KINDS).flatMap(([kind, title]) => {
    const rows = learned.filter((row) => row.kind === kind);
    if (rows.length === 0) return [];
    const share = `${megabytes(sumOf(rows))} MB, ${Math.round((100 * sumOf(rows)) / total)} %`;
    return [`## ${title}\n\n${share}\n\n${table(rows)}`];
  });
  const held = manifest.filter(({ split }) => split !== "train");
  const opening =
    "# Sources\n\nWhat the models learned from, and what they are tested on. " +
    "`models/corpus/gather.mjs` writes this file; its list is `models/corpus/sources.mjs`.\n\n" +
    `In all ${megabytes(total)} MB in ${learned.length} documents.`;
  return `${[opening, ...parts, `## Held out\n\n${heldTable(held)}`].join("\n\n")}\n`;
}

/** One line a source, however many its documents and its entries in the list. */
function table(rows) {
  const lines = groupsOf(rows).map((group) => {
    const { registry, name, version, licence } = group[0];
    return `| ${name} | ${[REGISTRIES[registry], version].filter(Boolean).join(" ")} | ${licence} | ${kilobytes(sumOf(group))} |`;
  });
  return ["| source | version | licence | kB |", "|---|---|---|---:|", ...lines].join("\n");
}

function heldTable(rows) {
  const lines = rows.map(({ split, document, registry, name, version, licence, bytes }) => {
    const source = [name, REGISTRIES[registry], version].filter(Boolean).join(" ");
    return `| ${split} | ${document.replace(/\.txt$/, "")} | ${source} | ${licence} | ${kilobytes(bytes)} |`;
  });
  return ["| split | document | source | licence | kB |", "|---|---|---|---|---:|", ...lines].join("\n");
}

/** Lists of those with the same source. */
function groupsOf(rows) {
  const groups = new Map();
  for (const row of rows) {
    const key = `${row.registry} ${row.name} ${row.version}`;
    groups.set(key, [...(groups.get(key) ?? []), row]);
  }
  return [...groups.values()];
}

const sumOf = (rows) => rows.reduce((sum, { bytes }) => sum + bytes, 0);
const megabytes = (bytes) => (bytes / 1e6).toFixed(1);
const kilobytes = (bytes) => Math.round(bytes / 1e3);
