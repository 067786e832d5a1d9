import assert from "node:assert/strict";
import { detailsOf } from "../../runtime/viewer/page/details.js";
import { readExif } from "../../runtime/viewer/page/exif.js";
import { test } from "./limited.js";

const EXIF =
  "TU0AKgAAAAgABQEPAAIAAAAGAAAASgEQAAIAAAAHAAAAUAE7AAIAAAAEQW5uAIdpAAQAAAABAAAAWIglAAQAAAABAAAAxgAAAABDYW5vbgBFT1MgNUQAAAAF" +
  "gpoABQAAAAEAAACagp0ABQAAAAEAAACiiCcAAwAAAAEBkAAAkAMAAgAAABQAAACqkgoABQAAAAEAAAC+AAAAAAAAAAEAAAD6AAAADgAAAAUyMDI0OjA1OjAx" +
  "IDEyOjAwOjAwAAAAACMAAAABAAQAAQACAAAAAk4AAAAAAgAFAAAAAwAAAPwAAwACAAAAAlcAAAAABAAFAAAAAwAAARQAAAAAAAAAJgAAAAEAAAAqAAAAAQAA" +
  "ACQAAAABAAAACQAAAAEAAAAIAAAAAQAAAAAAAAAB";

test("EXIF tells the camera, the time, the exposure and the place", () => {
  assert.deepEqual(readExif(Uint8Array.from(Buffer.from(EXIF, "base64"))), [
    ["Camera make", "Canon"],
    ["Camera", "EOS 5D"],
    ["Taken", "2024:05:01 12:00:00"],
    ["Exposure", "1/250 s"],
    ["Aperture", "f/2.8"],
    ["ISO", "400"],
    ["Focal length", "35 mm"],
    ["Artist", "Ann"],
    ["Place", "38.7100° N, 9.1333° W"],
  ]);
});

test("EXIF that is cut or damaged tells what is left of it", () => {
  const whole = Uint8Array.from(Buffer.from(EXIF, "base64"));
  for (let length = 0; length < whole.length; length++) readExif(whole.slice(0, length));
  for (let at = 0; at < whole.length; at++) {
    for (const value of [0, 1, 127, 255]) readExif(whole.map((byte, i) => (i === at ? value : byte)));
  }
});

test("sections and what is left for the header add up to the size", () => {
  const rows = detailsOf("cam.gar", { width: 80, height: 10, bytes: 100, rows: [], sections: [["LATENTS", 60]], exif: EXIF });
  const told = Object.fromEntries(rows);
  assert.equal(told["Size"], "100 B, 1.000 bits a pixel");
  assert.equal(told["Section LATENTS"], "60 B, 60.0 %");
  assert.equal(told["Header, checksums"], "40 B, 40.0 %");
  assert.equal(told["Camera"], "EOS 5D");
});
