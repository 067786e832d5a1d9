import assert from "node:assert/strict";
import { decode, decodeStream, GarError } from "gargalo";
import { test } from "./limited.js";
import { allCases, cases, dribble, facts, refused, stream, unbound } from "./vectors.js";

test("all vectors give the pixels that were written down", async (t) => {
  for (const { name, stream, shape, sha256, skip } of allCases()) {
    await t.test(name, { skip }, async () => assert.deepEqual(facts(await decode(stream)), { shape, sha256 }));
  }
});

test("all that must be refused is, as a whole and as a stream", async (t) => {
  for (const { name, stream } of refused()) {
    await t.test(name, async () => {
      await assert.rejects(decode(stream), GarError);
      await assert.rejects(
        decodeStream(dribble(stream, 10), () => {}),
        GarError,
      );
    });
  }
});

test("pictures whose bound alone is lost are shown, and told of", async (t) => {
  for (const { name, stream, sha256 } of unbound()) {
    await t.test(name, async () => {
      for (const picture of [await decode(stream), await decodeStream(dribble(stream, 10), () => {})]) {
        assert.equal(facts(picture).sha256, sha256);
        assert.match(picture.damage ?? "", /./);
      }
    });
  }
  const bytes = stream("lossless");
  assert.equal((await decode(bytes)).damage, null);
  const [damaged, cut] = await Promise.all([decode(bytes.with(-1, bytes[bytes.length - 1] ^ 1)), decode(bytes.slice(0, -9))]);
  assert.match(damaged.damage ?? "", /^section 128 is damaged: its CRC is wrong/);
  assert.match(cut.damage ?? "", /^the file has \d+ bytes of the \d+ that it announces/);
  assert.deepEqual(damaged.data, cut.data);
  assert.notDeepEqual(damaged.data, (await decode(bytes)).data);
});

test("a stream that comes in pieces of any size gives the same pixels", async () => {
  for (const { name, stream, sha256 } of cases().filter(({ stream }) => stream.length < 3000)) {
    for (const size of [1, 7, 1000]) {
      const picture = await decodeStream(dribble(stream, size), () => {});
      assert.equal(facts(picture).sha256, sha256, `${name}, ${size} bytes at a time`);
    }
  }
});

test("previews come before the bytes that they do not need", async () => {
  for (const name of ["odd-sides", "tiles-2x2", "chroma-420-tiles"]) {
    const bytes = stream(name);
    let sent = 0;
    const count = new TransformStream({
      transform(chunk, to) {
        sent += chunk.length;
        to.enqueue(chunk);
      },
    });
    /** @type {number[][]} */
    const sizes = [];
    /** @type {number[]} */
    const sentBefore = [];
    const { width, height } = await decodeStream(dribble(bytes, 10).pipeThrough(count), (preview) => {
      sizes.push([preview.width, preview.height, preview.fullWidth, preview.fullHeight]);
      sentBefore.push(sent);
    });
    const expected = [4, 2].map((scale) => [Math.ceil(width / scale), Math.ceil(height / scale), width, height]);
    assert.deepEqual(sizes, expected);
    assert.ok(
      sentBefore[0] < sentBefore[1] && sentBefore[1] <= bytes.length,
      `${name}: ${sentBefore} of ${bytes.length}`,
    );
  }
});

test("a preview looks like the picture", async () => {
  const bytes = stream("even-sides");
  /** @type {import("../src/codec.js").Preview[]} */
  const previews = [];
  const picture = await decodeStream(dribble(bytes, 1000), (preview) => previews.push(preview));
  for (const { width, height, data } of previews) {
    const scale = picture.width / width;
    let error = 0;
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        for (let c = 0; c < 3; c++) {
          let sum = 0;
          for (let i = 0; i < scale ** 2; i++) {
            sum +=
              picture.data[4 * ((y * scale + Math.floor(i / scale)) * picture.width + x * scale + (i % scale)) + c];
          }
          error += Math.abs(sum / scale ** 2 - data[4 * (y * width + x) + c]);
        }
      }
    }
    assert.ok(error / (3 * width * height) < 8, `${width} x ${height}: mean error ${error / (3 * width * height)}`);
  }
});

test("every stream that is cut, and every one that goes on, is refused", async () => {
  const bytes = stream("metadata");
  for (let length = 0; length < bytes.length; length++) {
    await assert.rejects(decode(bytes.slice(0, length)), GarError);
    await assert.rejects(
      decodeStream(dribble(bytes.slice(0, length), 50), () => {}),
      GarError,
    );
  }
  const longer = new Uint8Array([...bytes, 0]);
  const told = new RegExp(`goes on after its ${bytes.length} bytes`);
  await assert.rejects(decode(longer), told);
  await assert.rejects(
    decodeStream(dribble(longer, bytes.length), () => {}),
    told,
  );
});

test("a stream that never ends is left when it is too long", async () => {
  const bytes = stream("flat");
  const told = new RegExp(`goes on after its ${bytes.length} bytes`);
  let left = false;
  const endless = new ReadableStream({
    pull: (controller) => controller.enqueue(bytes),
    cancel: () => void (left = true),
  });
  await assert.rejects(
    decodeStream(endless, () => {}),
    told,
  );
  assert.ok(left);
});

test("files of other versions are told apart", async () => {
  const refusal = (/** @type {number} */ version) => decode(stream("flat").with(4, version));
  await assert.rejects(refusal(3), /version 3, older than 4, which this decoder reads/);
  await assert.rejects(refusal(5), /version 5, newer than 4, which this decoder reads; update it/);
});

test("metadata are given as they are", async () => {
  const { icc, exif, xmp } = await decode(stream("metadata"));
  assert.ok(icc && exif && xmp);
  assert.match(Buffer.from(exif).toString("latin1"), /^(II|MM)/);
  assert.match(Buffer.from(xmp).toString(), /^</);
  const none = await decode(stream("flat"));
  assert.deepEqual([none.icc, none.exif, none.xmp], [null, null, null]);
});

test("larger pictures than wanted are refused before anything is made for them", async () => {
  await assert.rejects(decode(stream("flat"), { maxPixels: 80 * 48 - 1 }), /80 x 48; at most 3839 pixels/);
  await decode(stream("flat"), { maxPixels: 80 * 48 });
});

test("a decode can be stopped", async () => {
  const stop = new AbortController();
  const decoding = decodeStream(dribble(stream("tiles-2x2"), 1000), () => stop.abort(), { signal: stop.signal });
  await assert.rejects(decoding, { name: "AbortError" });
});

test("a decode of bytes that do not come is stopped, too", async () => {
  for (const when of ["before", "while it waits"]) {
    const stop = new AbortController();
    if (when === "before") stop.abort();
    else setTimeout(() => stop.abort(), 20);
    let left = false;
    const waiting = new ReadableStream({
      start: (controller) => controller.enqueue(stream("tiles-2x2").slice(0, 100)),
      cancel: () => void (left = true),
    });
    await assert.rejects(decodeStream(waiting, () => {}, { signal: stop.signal }), { name: "AbortError" });
    assert.ok(left, when);
  }
});

test("decoding lets timers run, which may stop it", async () => {
  const bytes = stream("tiles-2x2");
  await decode(bytes); // its weights are there then
  const stop = new AbortController();
  setTimeout(() => stop.abort(), 1);
  const many = async () => {
    for (let i = 0; i < 100; i++) await decode(bytes, { signal: stop.signal });
  };
  await assert.rejects(many(), { name: "AbortError" });
});

test("what is read as it stands: an ArrayBuffer, and a Buffer that is a part of one", async () => {
  const bytes = stream("gray");
  const inside = Buffer.concat([Buffer.from([1, 2, 3]), bytes]).subarray(3);
  const [whole, part] = [await decode(bytes.buffer), await decode(inside)];
  assert.deepEqual(whole, part);
});
