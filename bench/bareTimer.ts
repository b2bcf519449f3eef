/**
 * What the machine itself makes of a period: a process that does nothing but wait for the next instant, at the real-time
 * priority of the loop beside it.
 *
 *     vite-node bench/bareTimer.ts HZ PRIORITY        at the parent's word: how far (ms) each period was off
 */
import { scheduleRealtime } from '../src/realtime.js';

const [hz, priority] = process.argv.slice(2).map(Number) as [number, number];
if (priority > 0) await scheduleRealtime(priority);
const pillow = new Int32Array(new SharedArrayBuffer(4));
const nominal = 1000 / hz;
const off: number[] = [];
let due = performance.now() + nominal;
let last = due;
const timer = setInterval(() => {
  // A hundred periods, then a turn of the event loop for the parent's word.
  for (let n = 0; n < 100; n++) {
    const left = due - performance.now();
    if (left > 0) Atomics.wait(pillow, 0, 0, left);
    const now = performance.now();
    off.push(Math.abs(now - last - nominal));
    last = now;
    due = Math.max(due + nominal, now);
  }
}, 0);
process.on('disconnect', () => process.exit());
process.on('message', (word) => {
  if (word === 'begin') off.length = 0;
  else {
    clearInterval(timer);
    process.send?.(off, () => process.exit());
  }
});
