import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TEST_CAMERAS, writeBundle } from '../../test/support/onnx.js';
import type { PolicyBundle } from './bundle.js';
import { exampleObservations } from './exampleObservations.js';
import { loadBundle } from './load.js';

const dir = mkdtempSync(path.join(tmpdir(), 'saccade-example-'));
afterAll(() => rmSync(dir, { recursive: true }));
let bundle: PolicyBundle;
beforeAll(async () => {
  bundle = await loadBundle(writeBundle(dir).dir);
});

const take = (count: number, ...rest: [] | [{ width: number; height: number }]) => {
  const observations = exampleObservations(bundle, ...rest);
  return Array.from({ length: count }, () => observations.next().value);
};

describe('exampleObservations', () => {
  it('go on as a live run does', () => {
    const [one, two, three] = take(3) as [
      ReturnType<typeof take>[0],
      ReturnType<typeof take>[0],
      ReturnType<typeof take>[0],
    ];
    expect([one.first, two.first, three.first]).toEqual([true, false, false]);
    expect([one.time, two.time, three.time]).toEqual([0, 0.05, 0.1]);
    expect(one.cameras.map(({ current }) => current.camera)).toEqual(TEST_CAMERAS.map(({ name }) => name));
    one.cameras.forEach((pair, c) => {
      expect(pair.previous).toBe(pair.current);
      expect(two.cameras[c]?.previous).toBe(pair.current);
      expect(three.cameras[c]?.previous).toBe(two.cameras[c]?.current);
      // The pixels come back, the frame does not: a sender that knows its frames sends it again.
      expect(three.cameras[c]?.current).not.toBe(pair.current);
      expect(three.cameras[c]?.current.data).toBe(pair.current.data);
      expect(two.cameras[c]?.current.data).not.toEqual(pair.current.data);
    });
  });

  it('are the same every time, of the policy’s sizes or of another', () => {
    expect(take(2)).toEqual(take(2));
    expect(take(1)[0]?.cameras[0]?.current).toMatchObject({ width: 96, height: 96 });
    const { current } = take(1, { width: 40, height: 30 })[0]?.cameras[2] ?? {};
    expect(current).toMatchObject({ width: 40, height: 30 });
    expect(current?.data).toHaveLength(3600);
    expect(take(1)[0]?.state).toHaveLength(7);
  });
});
