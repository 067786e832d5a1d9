// Compiles kernels/kernels.c to src/networks/kernels.wasm.js, for plain and for relaxed SIMD.
//     node scripts/kernels.js
// Needs a clang for WebAssembly: pip install ziglang==0.17.1; other versions make other bytes. PYTHON names the
// interpreter that has it.
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { deflateRawSync } from "node:zlib";

const SOURCE = fileURLToPath(new URL("../kernels/kernels.c", import.meta.url));
const MODULE = fileURLToPath(new URL("../src/networks/kernels.wasm.js", import.meta.url));
const VERSION = "0.17.1";
const PYTHON = process.env.PYTHON ?? "python3";
const OPTIONS = [
  ...[
    "-target",
    "wasm32-freestanding",
    "-Os",
    "-msimd128",
    "-mbulk-memory",
    "-ffp-contract=off",
    "-nostdlib",
    "-Wall",
    "-Wextra",
    "-Werror",
  ],
  ...["-mllvm", "-disable-lsr"], // which makes additions of constant offsets
  ...["-Wl,--no-entry", "-Wl,--strip-all", "-Wl,--export=__heap_base", "-Wl,-z,stack-size=16384"],
];

const VARIANTS = [[], ["-mrelaxed-simd"]];

/** Return why the kernels cannot be compiled here, or false. */
export function noCompiler() {
  const { stdout } = spawnSync(PYTHON, ["-m", "ziglang", "version"], { encoding: "utf8" });
  return stdout?.trim() === VERSION
    ? false
    : `no ziglang of version ${VERSION}: pip install ziglang==${VERSION}, and name the interpreter in PYTHON`;
}

/** Return the code for plain SIMD and for relaxed SIMD. */
export function compile() {
  const folder = mkdtempSync(join(tmpdir(), "gargalo-"));
  const out = join(folder, "kernels.wasm");
  try {
    return VARIANTS.map((options) => {
      execFileSync(PYTHON, ["-m", "ziglang", "cc", ...OPTIONS, ...options, SOURCE, "-o", out]);
      return readFileSync(out);
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const missing = noCompiler();
  if (missing) {
    console.error(`scripts/kernels.js: ${missing}`);
    process.exit(1);
  }
  const codes = compile();
  const deflated = deflateRawSync(Buffer.concat(codes), { level: 9 }).toString("base64"); // together, for they are much alike
  const lines = [
    "// Made by scripts/kernels.js from kernels/kernels.c: the code for plain SIMD and for relaxed SIMD.",
    `export const BYTES = [${codes.map(({ length }) => length).join(", ")}];`,
    `export const DEFLATED =\n  "${deflated}";`,
  ];
  writeFileSync(MODULE, lines.map((line) => `${line}\n`).join(""));
}
