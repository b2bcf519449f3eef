import { PassThrough } from 'node:stream';
import type { ReadStream } from 'node:tty';
import { describe, expect, it } from 'vitest';
import { type Key, keysOf, listen } from './keys.js';

describe('keysOf', () => {
  it.each([
    [' ', ['toggle']],
    ['\r', ['toggle']],
    ['sfdq', ['success', 'failure', 'discard', 'quit']],
    ['S', ['success']],
    ['?h', ['help', 'help']],
    ['\x03', ['interrupt']],
    ['xyz1', []],
    ['\x1b[A', []],
    ['\x1bOs', []],
  ])('%j is %j', (text, keys) => {
    expect(keysOf(text)).toEqual(keys);
  });
});

describe('listen', () => {
  it('takes the terminal in raw mode, and gives it back', async () => {
    const modes: boolean[] = [];
    const terminal = Object.assign(new PassThrough(), {
      setRawMode: (raw: boolean) => modes.push(raw),
    }) as unknown as ReadStream & PassThrough;
    const keys: Key[] = [];
    const close = listen(terminal, (key) => keys.push(key));
    terminal.write(' ');
    terminal.write('s');
    await new Promise((resolve) => setImmediate(resolve));
    expect(modes).toEqual([true]);
    close();
    terminal.write('f');
    await new Promise((resolve) => setImmediate(resolve));
    expect(modes).toEqual([true, false]);
    expect(keys).toEqual(['toggle', 'success']);
  });
});
