// Decodes a stream to a picture of raw samples: PGM, PPM, or PAM with alpha.
//     node scripts/decode.js IN OUT [WEIGHTS]
// WEIGHTS is a folder with a folder for each bundle id; default: weights/ of this package.
import { readFileSync, writeFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { decode, GarError } from "gargalo";

const [from, to, folder] = process.argv.slice(2);
const weights = folder && `${pathToFileURL(folder).href}/`;
try {
  const { width, height, data, channels } = await decode(readFileSync(from), { weights });
  const samples = new Uint8Array(data.filter((_, i) => i % 4 < channels));
  const pam = `P7\nWIDTH ${width}\nHEIGHT ${height}\nDEPTH 4\nMAXVAL 255\nTUPLTYPE RGB_ALPHA\nENDHDR\n`;
  const header = channels === 4 ? pam : `P${channels === 1 ? 5 : 6}\n${width} ${height}\n255\n`;
  writeFileSync(to, Buffer.concat([Buffer.from(header), samples]));
} catch (error) {
  if (!(error instanceof GarError)) throw error;
  console.error(`${from}: ${error.message}`);
  process.exitCode = 1;
}
