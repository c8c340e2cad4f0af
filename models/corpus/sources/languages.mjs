/** Code in C, C++, Go, Rust, Java, Swift and thirty other languages. */
import { C, debian, npm, ofKind, pypi } from "./source.mjs";

const LLVM = "Apache-2.0 WITH LLVM-exception";
const RUST = "MIT OR Apache-2.0";

const C_AND_CPP = [
  npm("better-sqlite3 11.3.0", "MIT and public domain", ["/sqlite3.c"], 1_000),
  pypi("ziglang 0.13.0", "MIT", [".c", ".h"], 700, { folders: ["ziglang/lib/libc/musl/src"], as: "musl" }),
  debian("libboost1.81-dev 1.81.0*", "BSL-1.0", C, 900, { folders: ["usr/include/boost"] }),
  debian("llvm-14-dev 1:14.0.6*", LLVM, C, 700, { depth: 2 }),
  debian("libc++-14-dev 1:14.0.6*", LLVM, [""], 300, { folders: ["usr/lib/llvm-14/include"] }),
  debian("libabsl-dev 20220623.1*", "Apache-2.0", C, 400),
  debian("libasio-dev 1:1.22.1-1", "BSL-1.0", C, 300),
  debian("libdlib-dev 19.24*", "BSL-1.0", C, 500),
  debian("libglm-dev 0.9.9.8*", "MIT", C, 300),
  debian("libnode-dev 18.*", "MIT", C, 400, { skip: /openssl/ }),
  debian("libopencv-core-dev 4.6.0*", "Apache-2.0", C, 400),
  debian("libpcl-dev 1.13.0*", "BSD-3-Clause", C, 400),
  debian("libthrust-dev 1.17.2-2", "Apache-2.0", C, 400),
  debian("libxtensor-dev 0.24.3-1", "BSD-3-Clause", C, 300),
  debian("postgresql-server-dev-15 15.*", "PostgreSQL", C, 500),
  npm("node-sass 9.0.0", "MIT", C, 500, { folders: ["src/libsass/src"], as: "libsass" }),
  npm("react-native 0.70.15", "MIT", C, 500, { folders: ["ReactCommon"], as: "react-common" }),
  npm("react-native-windows 0.72.0", "MIT", [".cpp", ".h", ".cs"], 400),
];

const GO = [
  debian("golang-1.19-src 1.19.8-2", "BSD-3-Clause", [".go"], 1_900, {
    folders: ["usr/share/go-1.19/src"],
    depth: 2,
    as: "go",
  }),
  debian("golang-1.19-src 1.19.8-2", "BSD-3-Clause", [".s"], 200, {
    folders: ["usr/share/go-1.19/src"],
    as: "go-assembly",
  }),
  debian("golang-golang-x-tools-dev 1:0.5.0*", "BSD-3-Clause", [".go"], 500),
  debian("golang-etcd-server-dev 3.4.23*", "Apache-2.0", [".go"], 500, { depth: 2 }),
  debian("golang-github-prometheus-client-golang-dev 1.14.0*", "Apache-2.0", [".go"], 300),
];

const RUST_AND_ZIG = [
  debian("rust-src 1.63.0*", RUST, [".rs"], 1_200, {
    folders: ["usr/src/rustc-1.63.0/library"],
    depth: 3,
    skip: /stdarch/,
    as: "rust-library",
  }),
  debian("rust-src 1.63.0*", RUST, [".rs"], 900, { folders: ["usr/src/rustc-1.63.0/compiler"], as: "rust-compiler" }),
  debian("librust-tokio-dev 1.24.2*", "MIT", [".rs"], 400, { depth: 2 }),
  debian("librust-syn-dev 1.0.107*", RUST, [".rs"], 300, { depth: 2 }),
  debian("librust-image-dev 0.24.3*", "MIT", [".rs"], 300, { depth: 2 }),
  pypi("ziglang 0.13.0", "MIT", [".zig"], 900, { folders: ["ziglang/lib/std"], as: "zig" }),
];

const PHONES = [
  npm("react-native 0.70.15", "MIT", [".java"], 700, {
    folders: ["ReactAndroid/src/main/java"],
    depth: 2,
    as: "react-android",
  }),
  npm("react-native 0.70.15", "MIT", [".m", ".mm", ".h"], 500, {
    folders: ["React", "Libraries"],
    depth: 2,
    as: "react-ios",
  }),
  npm("expo-modules-core 1.12.26", "MIT", [".java", ".kt", ".swift", ".m", ".h", ".cpp"], 500),
];

const FUNCTIONAL = [
  debian("erlang-src 1:25.2.3*", "Apache-2.0", [".erl"], 700, { skip: /(parse|parser|scan)\.erl$/ }),
  debian("fricas-source 1.3.8-6", "BSD-3-Clause", [".spad"], 700),
  debian("libbase-ocaml-dev 0.15.1-1", "MIT", [".ml", ".mli"], 700),
  debian("libhugs-base-bundled 98.200609.21*", "BSD-3-Clause", [".hs"], 700, { depth: 2, as: "haskell-base" }),
  debian("libppxlib-ocaml-dev 0.27.0*", "MIT", [".ml", ".mli"], 400),
  debian("sbcl-source 2:2.2.9*", "public domain", [".lisp"], 500, { depth: 2 }),
  debian("swi-prolog-nox 9.0.4*", "BSD-2-Clause", [".pl"], 250),
];

const OTHERS = [
  debian("bats 1.8.2-1", "MIT", ["bats", ".bash"], 100),
  debian("cmake-data 3.25.1-1", "BSD-3-Clause", [".cmake"], 350),
  debian("crystal 1.6.0*", "Apache-2.0", [".cr"], 500),
  debian("git-extras 6.5.0-1", "MIT", [""], 200, { folders: ["usr/bin"] }),
  debian("haxe 1:4.2.5*", "MIT", [".hx"], 400),
  debian("libphobos2-ldc-shared-dev 1:1.30.0*", "BSL-1.0", [".d"], 600, { depth: 2 }),
  debian("lua-penlight 1.13.1-3", "MIT", [".lua"], 200),
  debian("luarocks 3.8.0*", "MIT", [".lua"], 250),
  debian("nim 1.6.10*", "MIT", [".nim"], 600, { depth: 3 }),
  npm("@openzeppelin/contracts 5.0.2", "MIT", [".sol"], 400),
  debian("php-doctrine-orm 2.14.1*", "MIT", [".php"], 400),
  debian("php-symfony-console 5.4.*", "MIT", [".php"], 200),
  debian("phpunit 9.6.7*", "BSD-3-Clause", [".php"], 300),
  debian("postgresql-15 15.*", "PostgreSQL", [".sql"], 350),
  debian("postgresql-15-pgtap 1.2.0-3", "PostgreSQL", [".sql"], 350, { order: "name" }),
  debian("prosody 0.12.3*", "MIT", [".lua"], 500),
  debian("rubocop 1.39.0*", "MIT", [".rb"], 300),
  debian("ruby-activerecord 2:6.1.7*", "MIT", [".rb"], 500),
  debian("ruby-sequel 5.63.0-1", "MIT", [".rb"], 400),
  debian("tcllib 1.21*", "TCL", [".tcl"], 500),
  debian("zsh-syntax-highlighting 0.7.1-2", "BSD-3-Clause", [".zsh"], 100),
];

export const LANGUAGES = ofKind("code", [...C_AND_CPP, ...GO, ...RUST_AND_ZIG, ...PHONES, ...FUNCTIONAL, ...OTHERS]);
