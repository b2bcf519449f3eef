import { describe, expect, it } from 'vitest';
import { ImageStats, pixelStride, sampledFrames } from './imageStats.js';
import { SUMMARY_KEYS } from './stats.js';

/** rgb8, every frame and channel another pattern. */
function image(frame: number, width: number, height: number): Uint8Array {
  const data = new Uint8Array(width * height * 3);
  for (let y = 0, i = 0; y < height; y++)
    for (let x = 0; x < width; x++)
      for (let c = 0; c < 3; c++, i++) data[i] = (frame * 31 + y * 5 + x * 3 + c * 17 + x * y) % 256;
  return data;
}

// Made with lerobot's own compute_stats.py (0.6) from these very pictures; it computes in float32.
const FIVE_SMALL = {
  min: [0, 0.06666667014360428, 0.13333334028720856],
  max: [0.6627451181411743, 0.729411780834198, 0.7960784435272217],
  mean: [0.3166666626930237, 0.38333332538604736, 0.44999998807907104],
  std: [0.1777738481760025, 0.1777738481760025, 0.1777738481760025],
  q01: [0.011690822863111308, 0.07835748859480315, 0.14502415675742952],
  q10: [0.05885176191142961, 0.125518424838197, 0.19218509150486365],
  q50: [0.3020792044845282, 0.36874587115119484, 0.43541253781786154],
  q90: [0.5451740938074449, 0.6118407604741115, 0.6785074271407782],
  q99: [0.6392573936312806, 0.7059240602979473, 0.772590726964614],
};
const LARGE = {
  mean: [0.49775180220603943, 0.5020458102226257, 0.49811410903930664],
  std: [0.28955939412117004, 0.2896329462528229, 0.2895223796367645],
  q50: [0.49424904404624664, 0.5057525574424393, 0.4942491696113088],
};

describe('ImageStats', () => {
  it('is LeRobot’s', () => {
    const stats = new ImageStats({ width: 6, height: 4 });
    for (let frame = 0; frame < 5; frame++) stats.add(image(frame, 6, 4));
    const { summaries, count } = stats.stats();
    expect(count).toBe(5);
    for (const key of SUMMARY_KEYS)
      for (const [c, summary] of summaries.entries())
        expect(summary[key], `${key} ${c}`).toBeCloseTo(FIVE_SMALL[key][c] as number, 5);
  });

  it('looks at every other pixel of a large picture, as LeRobot does', () => {
    const size = { width: 310, height: 200 };
    expect(pixelStride(size)).toBe(2);
    const stats = new ImageStats(size);
    stats.add(image(0, 310, 200));
    // Over 15,500 pixels its float32 sums have lost a digit.
    for (const key of ['mean', 'std', 'q50'] as const)
      for (const [c, summary] of stats.stats().summaries.entries())
        expect(summary[key], `${key} ${c}`).toBeCloseTo(LARGE[key][c] as number, 4 - Number(key === 'std'));
  });
});

describe('sampledFrames', () => {
  // lerobot's sample_indices: how many there are, and their sum.
  it.each([
    [1, 1, 0],
    [2, 2, 1],
    [99, 99, 4851],
    [100, 100, 4950],
    [101, 100, 5000],
    [250, 100, 12450],
    [1000, 177, 88412],
    [5000, 594, 1484703],
  ])('of %i are LeRobot’s', (length, count, sum) => {
    const frames = sampledFrames(length);
    expect(frames.size).toBe(count);
    expect([...frames].reduce((a, b) => a + b, 0)).toBe(sum);
    expect(frames.has(0) && frames.has(length - 1)).toBe(true);
  });
});
