import { describe, expect, it } from 'vitest';
import { free } from './heap.js';

describe('free', () => {
  it('leaves nothing of a buffer to whoever has arrays on it', () => {
    const whole = new Uint8Array(1000);
    const part = whole.subarray(10);
    const before = process.memoryUsage().arrayBuffers;
    free(whole.buffer);
    expect([whole.length, part.length, whole.buffer.byteLength]).toEqual([0, 0, 0]);
    expect(process.memoryUsage().arrayBuffers).toBeLessThanOrEqual(before - 1000);
  });
});
