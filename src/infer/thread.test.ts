import { Worker } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import { UserError } from '../errors.js';
import { InferenceThread } from './thread.js';

/** A worker that says it is ready and treats its messages with `onMessage`, the body of a function of `m`. */
function start(onMessage: string, first = `{ type: 'ready', provider: 'cpu' }`) {
  const code = `
    const { parentPort: port } = require('node:worker_threads');
    port.on('message', (m) => { if (m.type === 'close') port.close(); else { ${onMessage} } });
    port.postMessage(${first});`;
  return InferenceThread.start(new Worker(code, { eval: true }));
}

/** The actions are the pixels of all frames. */
const ECHO = `{
  const actions = Float32Array.from(m.cameras.flatMap(({ frames }) => frames.flatMap(({ pixels }) => [...pixels])));
  port.postMessage({ type: 'done', id: m.id, actions, resizeMs: 0, runMs: 1, views: new Map() });
}`;

/** A run with a frame a camera of the pixels given. */
const run = (...images: Uint8Array<ArrayBuffer>[]) => ({
  cameras: images.map((pixels) => ({
    current: 0,
    previous: 0,
    frames: [{ image: 0, width: 1, height: 1, pixels }],
  })),
  state: new Float32Array(2),
  first: false,
  views: [],
});

describe('InferenceThread', () => {
  it('moves pixels, and matches replies that come out of order', async () => {
    const { thread, started } = await start(
      `(globalThis.held ??= []).push(m); if (held.length === 2) for (const m of held.reverse()) ${ECHO}`,
    );
    expect(started.provider).toBe('cpu');
    // A message's pixels, after its header.
    const one = Uint8Array.of(0, 0, 1, 2).subarray(2);
    const [two, three] = [Uint8Array.of(3), Uint8Array.of(4, 5)];
    const replies = [thread.run(run(one)), thread.run(run(two, three))];
    expect([one, two, three].map(({ buffer }) => buffer.byteLength)).toEqual([0, 0, 0]);
    const answers = (await Promise.all(replies)).map((reply) => reply.type === 'done' && [...reply.actions]);
    expect(answers).toEqual([
      [1, 2],
      [3, 4, 5],
    ]);
    await thread.close();
  });

  it('rejects what waits, and what comes later, when the worker throws', async () => {
    const { thread } = await start(`throw new Error('out of memory');`);
    const waiting = [1, 2].map(() => thread.run(run()));
    for (const run of waiting) await expect(run).rejects.toThrow('the inference thread died: out of memory');
    await expect(thread.run(run())).rejects.toThrow('the inference thread died');
    await thread.close();
  });

  it('rejects what waits when the worker exits', async () => {
    const { thread } = await start('process.exit(7);');
    await expect(thread.run(run())).rejects.toThrow('the inference thread ended with exit code 7');
    await thread.close();
  });

  it('rejects what waits when it is closed, and closes twice', async () => {
    const { thread } = await start('');
    const waiting = expect(thread.run(run())).rejects.toThrow('the policy is closed');
    await Promise.all([thread.close(), thread.close()]);
    await thread.close();
    await waiting;
  });

  it('passes a refusal on', async () => {
    const code = `require('node:worker_threads').parentPort.postMessage({ type: 'refused', message: 'no such graph' })`;
    const starting = InferenceThread.start(new Worker(code, { eval: true }));
    await expect(starting).rejects.toThrow(new UserError('no such graph'));
  });

  it('fails when the worker dies before it is ready', async () => {
    const starting = InferenceThread.start(new Worker(`throw new Error('cannot start')`, { eval: true }));
    await expect(starting).rejects.toThrow('cannot start');
    const ending = InferenceThread.start(new Worker('process.exit(3)', { eval: true }));
    await expect(ending).rejects.toThrow('the inference thread ended with exit code 3');
  });
});
