// Decodes a stream a few times; prints CPU time, and what share of time and bytes the previews take.
//     node test/bench.js STREAM [RUNS]
import { readFileSync } from "node:fs";
import { decodeStream } from "gargalo";
import { dribble } from "./vectors.js";

const bytes = new Uint8Array(readFileSync(process.argv[2]));
for (let run = 0; run < Number(process.argv[3] ?? 5); run++) {
  const start = process.cpuUsage();
  const cpuMs = () => Object.values(process.cpuUsage(start)).reduce((sum, us) => sum + us / 1000, 0);
  let sent = 0;
  const count = new TransformStream({ transform: (chunk, to) => ((sent += chunk.length), to.enqueue(chunk)) });
  /** @type {string[]} */
  const previews = [];
  const shares = () =>
    previews.push(`preview after ${Math.round(cpuMs())} ms and ${((100 * sent) / bytes.length).toFixed(1)} % of bytes`);
  const stream = dribble(bytes, Math.ceil(bytes.length / 200)).pipeThrough(count);
  const { width, height } = await decodeStream(stream, shares);
  const whole = await decodeTime();
  console.log(
    `run ${run}: ${width} x ${height}, ${whole} ms of CPU as a whole, ${Math.round(cpuMs()) - whole} ms as a stream: ${previews.join(", ")}`,
  );
}

async function decodeTime() {
  const { decode } = await import("gargalo");
  const start = process.cpuUsage();
  await decode(bytes);
  const { user, system } = process.cpuUsage(start);
  return Math.round((user + system) / 1000);
}
