import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { FakeGraph } from '../../../test/support/fakeGraph.js';
import { EpisodeAborted } from '../robot.js';
import { RosClock } from './clock.js';

let graph: FakeGraph;

beforeEach(() => {
  vi.useFakeTimers();
  graph = new FakeGraph();
});
afterEach(() => {
  vi.useRealTimers();
});

/** Resolves when done, with what it rejected with where it did. */
function outcome(promise: Promise<void>): { readonly value: () => unknown } {
  let value: unknown = 'pending';
  promise.then(
    () => {
      value = 'done';
    },
    (error: unknown) => {
      value = error;
    },
  );
  return { value: () => value };
}

/** The machine's time and ROS time go on together. */
async function pass(ms: number): Promise<void> {
  for (let n = 0; n < ms; n++) {
    graph.time += 1_000_000n;
    await vi.advanceTimersByTimeAsync(1);
  }
}

describe('RosClock on the machine’s time', () => {
  it('sleeps until then, and not at all for what has been', async () => {
    graph.time = 1_763_700_000_250_000_000n;
    const clock = new RosClock(graph, { simTime: false });
    expect(clock.running).toBe(true);
    expect(clock.now).toBeCloseTo(1_763_700_000.25, 6);
    await clock.sleepUntil(clock.now - 1);
    const sleep = outcome(clock.sleepUntil(clock.now + 0.35));
    await pass(345);
    expect(sleep.value()).toBe('pending');
    await pass(6);
    expect(sleep.value()).toBe('done');
  });

  it('gives the episode up when the clock was set back, once, and then goes on', async () => {
    graph.time = 100_000_000_000n;
    const clock = new RosClock(graph, { simTime: false });
    clock.begin();
    const sleep = outcome(clock.sleepUntil(100.5));
    await pass(50);
    graph.time -= 60_000_000_000n;
    await pass(100);
    expect(sleep.value()).toBeInstanceOf(EpisodeAborted);
    expect(String(sleep.value())).toMatch(/the clock was set back by (59\.9|60\.0)/);
    const next = outcome(clock.sleepUntil(clock.now + 0.01));
    await pass(12);
    expect(next.value()).toBe('done');
  });

  it('takes no offence at a clock that is being disciplined', async () => {
    graph.time = 100_000_000_000n;
    const clock = new RosClock(graph, { simTime: false });
    clock.begin();
    expect(clock.now).toBe(100);
    graph.time -= 500_000n;
    await clock.sleepUntil(clock.now);
  });

  it('lets nobody sleep on when it is closed', async () => {
    const clock = new RosClock(graph, { simTime: false });
    const sleep = outcome(clock.sleepUntil(1000));
    await pass(5);
    clock.close();
    await pass(5);
    expect(sleep.value()).toBeInstanceOf(EpisodeAborted);
  });
});

describe('RosClock on simulated time', () => {
  const tick = async (seconds: number) => {
    graph.time = BigInt(Math.round(seconds * 1e9));
    graph.clock();
    await vi.advanceTimersByTimeAsync(1);
  };

  it('is what /clock says, and wakes with it', async () => {
    const clock = new RosClock(graph, { simTime: true });
    expect(clock.running).toBe(false);
    await tick(2);
    expect(clock.running).toBe(true);
    expect(clock.now).toBe(2);
    const sleep = outcome(clock.sleepUntil(2.05));
    await tick(2.04);
    expect(sleep.value()).toBe('pending');
    await tick(2.05);
    expect(sleep.value()).toBe('done');
  });

  it('does not go by the machine’s time', async () => {
    const clock = new RosClock(graph, { simTime: true });
    await tick(2);
    const sleep = outcome(clock.sleepUntil(3));
    for (let n = 1; n < 20; n++) {
      await vi.advanceTimersByTimeAsync(1000);
      await tick(2 + n / 100);
    }
    expect(sleep.value()).toBe('pending');
    clock.close();
  });

  it('gives the episode up when time stands still', async () => {
    const clock = new RosClock(graph, { simTime: true });
    await tick(2);
    const sleep = outcome(clock.sleepUntil(3));
    await vi.advanceTimersByTimeAsync(1900);
    expect(sleep.value()).toBe('pending');
    await vi.advanceTimersByTimeAsync(300);
    expect(String(sleep.value())).toMatch(/nothing has come on \/clock for 2\.\d s/);
    clock.close();
  });

  it('gives the episode up when a simulator is paused, which goes on saying the same time', async () => {
    const clock = new RosClock(graph, { simTime: true });
    await tick(2);
    const sleep = outcome(clock.sleepUntil(3));
    for (let n = 0; n < 25; n++) {
      await vi.advanceTimersByTimeAsync(99);
      await tick(2);
    }
    expect(String(sleep.value())).toMatch(/the same time has come on \/clock for 2\.\d s/);
    clock.close();
  });

  it('notices a simulator that starts again between two sleeps, but not one that did before the episode', async () => {
    const clock = new RosClock(graph, { simTime: true });
    await tick(50);
    await tick(0.5);
    clock.begin();
    await clock.sleepUntil(0.5);
    await tick(70);
    await tick(0.1);
    await expect(clock.sleepUntil(70.1)).rejects.toThrow('the clock was set back by 69.900 s');
    clock.close();
  });
});
