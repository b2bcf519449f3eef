/**
 * What resizing one image costs, by size.
 *
 *     npm run bench:resize
 */
import { cpus } from 'node:os';
import { percentiles } from '../src/episode/statistics.js';
import { Resizer, type Size } from '../src/observe/resize.js';
import { Random } from '../src/random.js';

const IMAGES = 200;
const WARM_UP = 50;
const size = (text: string): Size => {
  const [width = 0, height = 0] = text.split('×').map(Number);
  return { width, height };
};

console.log(`${cpus()[0]?.model}, ${cpus().length} cores, Node ${process.version}\n`);
console.log('| from | to | p50 | p99 |');
console.log('|:--|:--|--:|--:|');
for (const [from, to] of [
  ['640×480', '96×96'],
  ['640×480', '224×224'],
  ['1280×720', '320×180'],
  ['638×480', '96×96'],
  ['96×96', '96×96'],
] as const) {
  const resizer = new Resizer(size(to));
  const { width, height } = size(from);
  const random = new Random(1);
  const data = Uint8Array.from({ length: width * height * 3 }, () => random.uniform(0, 256));
  const out = new Uint8Array(resizer.to.width * resizer.to.height * 3);
  const times: number[] = [];
  for (let i = 0; i < WARM_UP + IMAGES; i++) {
    const began = performance.now();
    resizer.resizeInto({ width, height, data }, out);
    times.push(performance.now() - began);
  }
  const { p50, p99 } = percentiles(Float32Array.from(times.slice(WARM_UP))) ?? { p50: 0, p99: 0 };
  console.log(`| ${from} | ${to} | ${p50.toFixed(2)} ms | ${p99.toFixed(2)} ms |`);
}
