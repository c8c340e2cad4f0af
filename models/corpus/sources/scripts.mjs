/** Code in Python, JavaScript, TypeScript and AssemblyScript, and style sheets. */
import { debian, JS, npm, ofKind, pypi, TS } from "./source.mjs";

const PY = [".py"];

const PYTHON = [
  debian("libpython3.11-stdlib 3.11.2-6*", "PSF-2.0", PY, 2_000, { skip: /lib2to3|pydoc_data|encodings/ }),
  debian("python3-scipy 1.10.1-2", "BSD-3-Clause", PY, 700),
  debian("python3-numpy 1:1.24.2*", "BSD-3-Clause", PY, 600),
  debian("python3-sklearn 1.2.1*", "BSD-3-Clause", PY, 600),
  debian("python3-pandas 1.5.3*", "BSD-3-Clause", [".py", ".pyx"], 500),
  debian("python3-matplotlib 3.6.3*", "PSF-2.0", PY, 500),
  pypi("django 5.1.1", "BSD-3-Clause", PY, 700),
  pypi("sqlalchemy 2.0.34", "MIT", PY, 500),
  pypi("twisted 24.7.0", "MIT", PY, 400),
  pypi("transformers 4.44.2", "Apache-2.0", PY, 500, { depth: 2 }),
  pypi("cirq-core 1.4.1", "Apache-2.0", PY, 300),
  pypi("nltk 3.9.1", "Apache-2.0", PY, 300),
  pypi("mypy 1.11.2", "MIT", PY, 400, { depth: 2, skip: /typeshed/ }),
  pypi("werkzeug 3.0.4", "BSD-3-Clause", PY, 250),
  pypi("pytest 8.3.3", "MIT", PY, 300, { depth: 2 }),
  pypi("sphinx 8.0.2", "BSD-2-Clause", PY, 300),
  pypi("manim 0.18.1", "MIT", PY, 400),
];

const TYPESCRIPT = [
  npm("effect 3.19.3", "MIT", TS, 800, { folders: ["src"] }),
  npm("rxjs 7.8.2", "Apache-2.0", TS, 500, { folders: ["src"] }),
  npm("zod 4.1.12", "MIT", TS, 500, { folders: ["src"], skip: /locales/ }),
  npm("mobx 6.13.2", "MIT", TS, 300, { folders: ["src"] }),
  npm("mathjax-full 3.2.2", "Apache-2.0", TS, 700, { folders: ["ts"], skip: /fonts|entities/ }),
  npm("vue 2.7.16", "MIT", TS, 300, { folders: ["src"] }),
  npm("@types/node 22.5.0", "MIT", TS, 400),
  npm("assemblyscript 0.28.20", "Apache-2.0", TS, 600, { folders: ["std/assembly"] }),
];

const JAVASCRIPT = [
  npm("@angular/core 20.3.9", "MIT", JS, 600, { folders: ["fesm2022"] }),
  npm("antd 5.20.6", "MIT", JS, 400, { folders: ["es"] }),
  npm("chart.js 4.4.4", "MIT", JS, 400, { folders: ["dist"], skip: /umd|min/ }),
  npm("codemirror 5.65.17", "MIT", JS, 400),
  npm("eslint 9.10.0", "MIT", JS, 500, { folders: ["lib"] }),
  npm("jquery 3.7.1", "MIT", JS, 250, { folders: ["src"] }),
  npm("katex 0.16.11", "MIT", JS, 400, { folders: ["src"] }),
  npm("lodash 4.17.21", "MIT", ["/lodash.js"], 400),
  npm("mathjs 15.0.0", "Apache-2.0", JS, 500, { folders: ["lib/esm"] }),
  npm("mongoose 8.6.1", "MIT", JS, 400, { folders: ["lib"] }),
  npm("ol 10.1.0", "BSD-2-Clause", [".js"], 500, { skip: /^(dist|build)/ }),
  npm("phaser 3.90.0", "MIT", JS, 500, { folders: ["src"] }),
  npm("playcanvas 1.74.0", "MIT", JS, 400, { folders: ["build/playcanvas"], depth: 2 }),
  npm("sequelize 6.37.3", "MIT", JS, 300, { folders: ["lib"] }),
  npm("svelte 4.2.19", "MIT", JS, 300, { folders: ["src"] }),
  npm("three 0.169.0", "MIT", JS, 500, { folders: ["src"] }),
  npm("typescript 5.6.2", "Apache-2.0", ["/typescript.js"], 700),
  npm("webpack 5.94.0", "MIT", JS, 600, { folders: ["lib"] }),
];

const STYLES = [
  npm("bootstrap 5.3.3", "MIT", [".scss"], 250, { folders: ["scss"] }),
  npm("bulma 1.0.2", "MIT", [".scss"], 150, { folders: ["sass"] }),
  npm("foundation-sites 6.8.1", "MIT", [".scss", ".html"], 300, { tests: true }),
  npm("@primer/css 21.3.6", "MIT", [".scss"], 150),
  npm("uikit 3.21.13", "MIT", [".less", ".html"], 400, { folders: ["src", "tests"], tests: true }),
];

export const SCRIPTS = ofKind("code", [...PYTHON, ...TYPESCRIPT, ...JAVASCRIPT, ...STYLES]);
