// Copies the bundles of the Python package to weights/ID, where this package looks for them.
//     node scripts/weights.js [BUNDLE...]
import { cpSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const NOT_FOR_DECODING = ["synthesis.onnx", "encoder.onnx"];
const root = fileURLToPath(new URL("..", import.meta.url));
const shipped = join(root, "../runtime/weights");
const bundles =
  process.argv.length > 2 ? process.argv.slice(2) : readdirSync(shipped).map((name) => join(shipped, name));
for (const bundle of bundles) {
  const { id, sha256 } = JSON.parse(readFileSync(join(bundle, "manifest.json"), "utf8"));
  mkdirSync(join(root, "weights", id), { recursive: true });
  const files = Object.keys(sha256).filter((file) => !NOT_FOR_DECODING.includes(file));
  for (const file of ["manifest.json", ...files]) cpSync(join(bundle, file), join(root, "weights", id, file));
}
