/**
 * What no model learns from: for the test twenty documents of 50 to 500 kB and four of more than 262,144 tokens, and a few
 * documents for choosing a vocabulary, a learning rate, or when to stop.
 *
 * A package is on one side only. A library of theories, and TeX Live, are parted by whole folders. What is only tested
 * on may have any licence.
 */
import { debian, JS, local, npm, ofKind, pypi, TEX, TS } from "./source.mjs";

const hol = (folders, as) =>
  debian("hol-light 20230128-1*", "BSD-2-Clause", [".ml"], 450, {
    folders: folders.map((folder) => `usr/share/hol-light/${folder}`),
    as,
  });
/** All novels of a folder but those whose names begin otherwise. */
const novels = (folder, names) => local(folder, "public domain", { each: true, most: 480_000, skip: names });

const TEST = [
  ...ofKind("code", [
    pypi("sympy 1.13.3", "BSD-3-Clause", [".py"], 450, { folders: ["sympy/solvers"], as: "python-sympy-solvers" }),
    npm("@reduxjs/toolkit 2.2.7", "MIT", TS, 450, { folders: ["src"], as: "typescript-redux-toolkit" }),
    npm("leaflet 1.9.4", "BSD-2-Clause", JS, 450, { folders: ["src"], as: "javascript-leaflet" }),
    debian("libstb-dev 0.0~git20220908*", "MIT", [".h"], 400, { skip: /deprecated/, as: "c-stb" }),
    debian("librust-regex-dev 1.7.1-1", "MIT OR Apache-2.0", [".rs"], 450, { as: "rust-regex" }),
    debian("golang-github-gin-gonic-gin-dev 1.8.1*", "MIT", [".go"], 450, { as: "go-gin" }),
    npm("@capacitor/android 6.1.2", "MIT", [".java"], 450, { as: "java-capacitor" }),
    debian("liblwt-ocaml-dev 5.6.1*", "MIT", [".ml", ".mli"], 450, { as: "ocaml-lwt" }),
  ]),
  ...ofKind("proofs", [
    hol(["Rqe", "Geometric_Algebra"], "hol-light-rqe"),
    debian("agda-stdlib 1.7.1-1", "MIT", [".agda"], 450, {
      folders: ["Codata", "Relation/Unary", "Text"].map((folder) => `usr/share/agda-stdlib/${folder}`),
      as: "agda-codata",
    }),
    debian("libcoq-coquelicot 3.2.0-8*", "LGPL-3.0", [".v"], 450, { as: "coq-coquelicot" }),
    debian("metamath-databases 0.0.0~20210101*", "CC0-1.0", ["/ql.mm"], 450, { order: "name", as: "metamath-quantum" }),
    debian("why3 1.5.1-1*", "LGPL-2.1", [".mlw"], 450, { as: "why3-library" }),
  ]),
  ...ofKind("latex", [
    local("math/test", "GFDL-1.2", { each: true, skip: /^(?!artin|derham|fields)/ }),
    debian("texlive-lang-english 2022.20230122*", "GFDL-1.3", TEX, 450, {
      folders: ["usr/share/doc/texlive-doc/plain/impatient"],
      skip: /fdl|copyrght|diffs/,
      as: "tex-for-the-impatient",
    }),
  ]),
  ...ofKind("prose", [novels("books/test", /^(?!daniel-defoe|h-g-wells|oscar-wilde)/)]),
];

const LONG = [
  ...ofKind("code", [
    pypi("sympy 1.13.3", "BSD-3-Clause", [".py"], 1_700, {
      folders: ["sympy/core", "sympy/polys", "sympy/integrals", "sympy/matrices"],
      order: "name",
      as: "python-sympy",
    }),
  ]),
  ...ofKind("proofs", [
    debian("libcoq-mathcomp-analysis 0.6.0-2*", "CECILL-C", [".v"], 1_700, { as: "coq-mathcomp-analysis" }),
  ]),
  ...ofKind("latex", [local("math/valid", "GFDL-1.2", { as: "stacks" })]),
  ...ofKind("prose", [local("books/valid", "public domain", { as: "novels" })]),
];

const VALID = [
  ...ofKind("code", [
    pypi("networkx 3.3", "BSD-3-Clause", [".py"], 400),
    npm("fp-ts 2.16.9", "MIT", JS, 300, { folders: ["es6"] }),
    debian("librust-clap-dev 4.0.32-1", "MIT OR Apache-2.0", [".rs"], 300),
  ]),
  ...ofKind("proofs", [
    hol(["IEEE", "Examples"], "hol-light-examples"),
    debian("libcoq-stdpp 1.8.0-3*", "BSD-3-Clause", [".v"], 300),
  ]),
  ...ofKind("latex", [
    debian("texlive-science-doc 2022.20230122*", "LPPL-1.3c", TEX, 450, {
      folders: ["latex/numerica", "latex/prooftrees"].map((folder) => `usr/share/doc/texlive-doc/${folder}`),
      as: "numerica",
    }),
  ]),
  ...ofKind("prose", [novels("books/train", /^(?!elizabeth-gaskell-cranford)/)]),
];

const inSplit = (split, sources) => sources.map((source) => ({ split, ...source }));

export const HELD_OUT = [...inSplit("test", TEST), ...inSplit("long", LONG), ...inSplit("valid", VALID)];
