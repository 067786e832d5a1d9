// Decodes streams to pictures of raw samples: PGM, PPM, or PAM with alpha.
//     node scripts/decode.js [--weights DIR] IN OUT [IN OUT...]
// DIR has a folder for each bundle id; default: weights/ of this package.
import { readFileSync, writeFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { decode, GarError } from "gargalo";

const { values, positionals } = parseArgs({ options: { weights: { type: "string" } }, allowPositionals: true });
const weights = values.weights && `${pathToFileURL(values.weights).href}/`;

/** @param {import("gargalo").Decoded} picture */
function pnm({ width, height, data, channels }) {
  const samples = new Uint8Array(data.filter((_, i) => i % 4 < channels));
  const pam = `P7\nWIDTH ${width}\nHEIGHT ${height}\nDEPTH 4\nMAXVAL 255\nTUPLTYPE RGB_ALPHA\nENDHDR\n`;
  return [channels === 4 ? pam : `P${channels === 1 ? 5 : 6}\n${width} ${height}\n255\n`, samples];
}

for (let i = 0; i < positionals.length; i += 2) {
  const [from, to] = positionals.slice(i);
  try {
    writeFileSync(
      to,
      Buffer.concat(pnm(await decode(readFileSync(from), { weights })).map((part) => Buffer.from(part))),
    );
  } catch (error) {
    if (!(error instanceof GarError)) throw error;
    console.error(`${from}: ${error.message}`);
    process.exitCode = 1;
  }
}
