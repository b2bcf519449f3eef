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

const ECHO = `port.postMessage({ type: 'done', id: m.id, slab: m.slab, runMs: 1, views: new Map() }, [m.slab]);`;

describe('InferenceThread', () => {
  it('hands slabs over and back without a copy, and matches replies that come out of order', async () => {
    const { thread, started } = await start(
      `(globalThis.held ??= []).push(m); if (held.length === 2) for (const m of held.reverse()) ${ECHO}`,
    );
    expect(started.provider).toBe('cpu');
    const slabs = [new ArrayBuffer(8), new ArrayBuffer(16)] as const;
    const replies = slabs.map((slab) => thread.run(slab, false, []));
    expect(slabs.map(({ byteLength }) => byteLength)).toEqual([0, 0]);
    expect((await Promise.all(replies)).map(({ slab }) => slab.byteLength)).toEqual([8, 16]);
    await thread.close();
  });

  it('rejects what waits, and what comes later, when the worker throws', async () => {
    const { thread } = await start(`throw new Error('out of memory');`);
    const waiting = [1, 2].map(() => thread.run(new ArrayBuffer(8), false, []));
    for (const run of waiting) await expect(run).rejects.toThrow('the inference thread died: out of memory');
    await expect(thread.run(new ArrayBuffer(8), false, [])).rejects.toThrow('the inference thread died');
    await thread.close();
  });

  it('rejects what waits when the worker exits', async () => {
    const { thread } = await start('process.exit(7);');
    await expect(thread.run(new ArrayBuffer(8), false, [])).rejects.toThrow(
      'the inference thread ended with exit code 7',
    );
    await thread.close();
  });

  it('rejects what waits when it is closed, and closes twice', async () => {
    const { thread } = await start('');
    const waiting = expect(thread.run(new ArrayBuffer(8), false, [])).rejects.toThrow('the policy is closed');
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
