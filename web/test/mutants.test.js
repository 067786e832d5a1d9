import assert from "node:assert/strict";
import { test } from "./limited.js";
import { tryMutants } from "./mutants.js";

test("mutants of streams end in pixels or in an Error that says why", async () => {
  const { ends, faults } = await tryMutants(300, 1);
  assert.deepEqual(faults, []);
  assert.ok(
    [...ends.keys()].some((end) => end.startsWith("decoded to other")),
    "no mutant got past the checksums",
  );
});
