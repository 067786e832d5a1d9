import assert from "node:assert/strict";
import { decode, decodeStream, GarError } from "gargalo";
import { test } from "./limited.js";
import { dribble, facts, thumbnails } from "./vectors.js";

const ID = "acfea88a0d88993a"; // of the bundle that the vectors name
const [{ file: photo }] = thumbnails();

/** Return a file whose check is right again. @param {Uint8Array} bytes */
function checked(bytes) {
  let crc = 0xffff;
  for (const byte of [...Buffer.from(ID, "hex"), bytes[0], ...bytes.subarray(3)]) {
    for (let bit = 7; bit >= 0; bit--) {
      const top = (crc >> 15) ^ ((byte >> bit) & 1);
      crc = ((crc << 1) & 0xffff) ^ (top ? 0x1021 : 0);
    }
  }
  return Uint8Array.from([bytes[0], crc & 255, crc >> 8, ...bytes.subarray(3)]);
}

test("thumbnails give the pixels that were written down, as a whole and as a stream", async () => {
  for (const { name, file, sha256 } of thumbnails()) {
    const expected = { shape: [32, 32, 3], sha256 };
    assert.deepEqual(facts(await decode(file)), expected, name);
    assert.deepEqual(facts(await decodeStream(dribble(file, 7))), expected, name);
  }
});

test("thumbnails that are cut, damaged, too long or of other weights are refused", async () => {
  for (let length = 1; length < photo.length; length++) await assert.rejects(decode(photo.slice(0, length)), GarError);
  for (let at = 0; at < photo.length; at++) {
    await assert.rejects(decode(photo.map((byte, i) => (i === at ? byte ^ 1 : byte))), GarError);
  }
  await assert.rejects(decode(checked(Uint8Array.from([...photo, ...new Uint8Array(2048)]))), /2048/);
  await assert.rejects(decode(Uint8Array.from([0xa5, ...photo.subarray(1)])), /weights of number 5/);
});

test("a message may end anywhere, and may be anything", async () => {
  const lengths = [4, 5, 6, 8, 12, 20, 40, 80, photo.length - 1];
  for (const length of lengths) {
    const shorter = decode(checked(photo.slice(0, length)));
    if (length > 8) assert.equal((await shorter).width, 32);
    else await shorter.catch((error) => assert.ok(error instanceof GarError));
  }
  let state = 1;
  const random = () => (state = (Math.imul(state, 1103515245) + 12345) >>> 1) >>> 8;
  for (let mutant = 0; mutant < 40; mutant++) {
    const bytes = photo.slice();
    for (let change = random() % 4; change >= 0; change--) bytes[3 + (random() % (bytes.length - 3))] = random();
    await decode(checked(bytes)).catch((error) => assert.ok(error instanceof GarError, error.stack));
  }
});
