import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { Subject } from 'rxjs';
import { beforeEach, describe, expect, it } from 'vitest';
import type { Frame, JointState } from '../robots/robot.js';
import {
  describe as describeTrouble,
  Observer,
  type Prospect,
  type Sighting,
  type Trouble,
} from './observer.js';

const CAMERAS = [
  { name: 'wrist', maxAgeS: 0.2 },
  { name: 'head', maxAgeS: 0.2 },
];

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

let frames: Subject<Frame>;
let joints: Subject<JointState>;
let observer: Observer;
let told: [camera: number, time: number, news: boolean][];

beforeEach(() => {
  frames = new Subject();
  joints = new Subject();
  const sync = { toleranceS: 0.05, maxSkewS: 0.15 };
  told = [];
  const onFrame = (camera: number, { time }: Frame, news: boolean) => {
    told.push([camera, time, news]);
  };
  observer = new Observer(
    { frames, joints },
    { cameras: CAMERAS, joints: [2, 0], jointsMaxAgeS: 0.1, sync, onFrame },
  );
});

function frame(camera: string, time: number, fill = 0, width = 2, height = 2): Frame {
  const sent: Frame = { camera, time, width, height, data: new Uint8Array(width * height * 3).fill(fill) };
  frames.next(sent);
  return sent;
}

function pose(time: number, ...positions: number[]): void {
  joints.next({ time, positions: Float32Array.from(positions) });
}

function seen(sighting: Sighting) {
  if (sighting.kind !== 'ok') throw new Error(`expected an observation: ${describeTrouble(sighting)}`);
  return sighting.observation;
}

describe('Observer', () => {
  it('waits for every source, naming those that are missing', () => {
    frame('head', 0, 1);
    expect(observer.observe(0)).toEqual({ kind: 'waiting', for: ['camera wrist', 'joints'] });
    frame('wrist', 0, 1);
    expect(observer.observe(0)).toEqual({ kind: 'waiting', for: ['joints'] });
    pose(0, 1, 2, 3);
    expect(observer.observe(0).kind).toBe('ok');
  });

  it('gives cameras in the policy’s order, frames as they came, and joints in its order', () => {
    const head = frame('head', 0.01, 7, 4, 4);
    const wrist = frame('wrist', 0.02, 3);
    pose(0.02, 10, 20, 30);
    const observation = seen(observer.observe(0.03));
    expect(observation.time).toBe(0.02);
    expect(observation.state).toEqual(Float32Array.of(30, 10));
    expect(observation.cameras[0].current).toBe(wrist);
    expect(observation.cameras[1].current).toBe(head);
  });

  it('ignores cameras the policy does not use', () => {
    frame('wrist', 0, 1);
    frame('head', 0, 1);
    frame('spare', 0, 1);
    pose(0, 1, 2, 3);
    expect(seen(observer.observe(0)).cameras.map((pair) => pair.current.camera)).toEqual(['wrist', 'head']);
  });

  it('pairs a frame with the one of the observation before, not with the one sent before', () => {
    pose(0, 0, 0, 0);
    frame('head', 0, 1);
    const first = frame('wrist', 0, 1);
    const one = seen(observer.observe(0));
    expect(one.cameras[0].previous).toBe(first);
    expect(one.cameras[0].current).toBe(first);
    frame('wrist', 0.033, 2);
    const third = frame('wrist', 0.05, 3);
    const two = seen(observer.observe(0.05));
    expect(two.cameras[0].previous).toBe(first);
    expect(two.cameras[0].current).toBe(third);
    // The head sent nothing new: its picture stands still.
    expect(two.cameras[1].previous).toBe(two.cameras[1].current);
  });

  it('starts every episode with equal frames and the first flag', () => {
    const tick = (time: number) => {
      pose(time, 0, 0, 0);
      frame('wrist', time, 1);
      frame('head', time, 1);
      return seen(observer.observe(time));
    };
    expect(tick(5).first).toBe(true);
    expect(tick(5.05).first).toBe(false);
    observer.reset();
    expect(observer.observe(5.05)).toEqual({
      kind: 'waiting',
      for: ['camera wrist', 'camera head', 'joints'],
    });
    const again = tick(0);
    expect(again.first).toBe(true);
    for (const pair of again.cameras) expect(pair.previous).toBe(pair.current);
  });

  it('says which sources are too old, and by how much', () => {
    frame('wrist', 0, 1);
    frame('head', 0.2, 1);
    pose(0.1, 0, 0, 0);
    const sighting = observer.observe(0.25);
    expect(sighting).toEqual({
      kind: 'stale',
      what: [
        { source: 'camera wrist', ageS: 0.25 },
        { source: 'joints', ageS: 0.15 },
      ],
    });
    expect(sighting.kind === 'stale' && describeTrouble(sighting)).toBe(
      'camera wrist is 0.250 s old, joints is 0.150 s old',
    );
  });

  it('does not count a stale look as an observation', () => {
    const first = frame('wrist', 0, 1);
    frame('head', 0, 1);
    pose(0, 0, 0, 0);
    seen(observer.observe(0));
    frame('wrist', 1, 2);
    expect(observer.observe(1).kind).toBe('stale');
    frame('head', 1, 2);
    pose(1, 0, 0, 0);
    expect(seen(observer.observe(1)).cameras[0].previous).toBe(first);
  });

  it('accepts a sample at its limit of age', () => {
    frame('wrist', 0, 1);
    frame('head', 0, 1);
    pose(0.125, 0, 0, 0);
    expect(observer.observe(0.2).kind).toBe('ok');
  });

  it('keeps the newest frame when an older one arrives late', () => {
    pose(0.1, 0, 0, 0);
    frame('head', 0.1, 1);
    const newest = frame('wrist', 0.1, 2);
    frame('wrist', 0.05, 1);
    expect(seen(observer.observe(0.1)).cameras[0].current).toBe(newest);
  });

  it('distrusts samples from the future, and recovers when the clock is right again', () => {
    pose(0, 0, 0, 0);
    frame('head', 0, 1);
    frame('wrist', 100, 1);
    const sighting = observer.observe(0);
    expect(sighting).toEqual({ kind: 'stale', what: [{ source: 'camera wrist', ageS: -100 }] });
    const good = frame('wrist', 0.05, 2);
    expect(seen(observer.observe(0.05)).cameras[0].current).toBe(good);
  });

  it('measures how far apart the cameras were', () => {
    pose(0.1, 0, 0, 0);
    frame('wrist', 0.1, 1);
    frame('head', 0.04, 1);
    const sighting = observer.observe(0.1);
    expect(sighting.kind === 'ok' && sighting.skewS).toBeCloseTo(0.06, 12);
  });

  it('passes on the failure of a stream', () => {
    frames.error(new Error('camera driver died'));
    expect(() => observer.observe(0)).toThrow('camera driver died');
  });

  it('listens to nobody once closed', () => {
    observer.close();
    observer.close();
    expect(frames.observed || joints.observed).toBe(false);
  });
});

describe('Observer, asked before it observes', () => {
  const prospects = (now: number): Prospect[] => {
    const asked: Prospect[] = [];
    observer.observe(now, (prospect) => {
      asked.push(prospect);
      return false;
    });
    return asked;
  };

  it('makes no observation that is not wanted: the next one is as if it had not been asked', () => {
    pose(0, 0, 0, 0);
    const first = [frame('wrist', 0), frame('head', 0)];
    expect(observer.observe(0, () => false)).toBeUndefined();
    expect(seen(observer.observe(0)).first).toBe(true);
    frame('wrist', 0.05);
    frame('head', 0.05);
    pose(0.05, 0, 0, 0);
    expect(prospects(0.05)).toEqual([{ time: 0.05, complete: true }]);
    const { cameras } = seen(observer.observe(0.05));
    expect(cameras.map(({ previous }) => previous)).toEqual(first);
  });

  it('says that it is not complete while a camera has shown all it has, or is about to send what fits better', () => {
    pose(0, 0, 0, 0);
    for (const time of [0, 0.02]) {
      frame('wrist', time);
      frame('head', time);
    }
    seen(observer.observe(0.02));
    frame('wrist', 0.04);
    expect(prospects(0.04)[0]?.complete).toBe(false);
    frame('head', 0.04);
    expect(prospects(0.04)[0]?.complete).toBe(true);
    // Both have sent something since, but the head's next image is due, and closer to the wrist's.
    frame('wrist', 0.06);
    expect(prospects(0.06)[0]?.complete).toBe(false);
    frame('head', 0.06);
    expect(prospects(0.06)[0]?.complete).toBe(true);
  });

  it('tells of every image, and whether every camera has sent something since the last observation', () => {
    pose(0, 0, 0, 0);
    frame('wrist', 0);
    frame('spare', 0);
    expect(told).toEqual([[0, 0, false]]);
    frame('head', 0);
    expect(told.at(-1)).toEqual([1, 0, true]);
    observer.observe(0);
    frame('head', 0.03);
    frame('head', 0.06);
    frame('wrist', 0.05);
    expect(told.slice(2)).toEqual([
      [1, 0.03, false],
      [1, 0.06, false],
      [0, 0.05, true],
    ]);
  });
});

describe('Observer, synchronising', () => {
  const shown = (now: number) => seen(observer.observe(now)).cameras.map(({ current }) => current.time);

  it('takes the newest of each camera while they are within the tolerance', () => {
    frame('wrist', 0.96, 1);
    frame('head', 0.97, 1, 2, 1);
    frame('wrist', 1, 2);
    pose(1, 1, 2, 3);
    expect(shown(1.01)).toEqual([1, 0.97]);
  });

  it('takes what the others saw when the slowest camera saw its newest, when they are not', () => {
    for (const time of [0.9, 0.93, 0.97, 1]) frame('wrist', time, 1);
    frame('head', 0.92, 1, 2, 1);
    pose(1, 1, 2, 3);
    const sighting = observer.observe(1);
    expect(sighting).toMatchObject({ kind: 'ok', skewS: expect.closeTo(0.01, 9) });
    expect(seen(sighting).cameras.map(({ current }) => current.time)).toEqual([0.93, 0.92]);
    expect(seen(sighting).time).toBe(0.93);
  });

  it('never goes back to what came before a frame it has shown', () => {
    for (const time of [0.88, 0.93]) frame('wrist', time, 1);
    frame('head', 0.9, 1, 2, 1);
    pose(0.93, 1, 2, 3);
    expect(shown(0.93)).toEqual([0.93, 0.9]);
    frame('wrist', 0.98, 2);
    expect(shown(0.98)).toEqual([0.93, 0.9]);
  });

  it('holds when the cameras are too far apart, and says which', () => {
    frame('head', 0.84, 1, 2, 1);
    frame('wrist', 1, 2);
    pose(1, 1, 2, 3);
    const sighting = observer.observe(1);
    expect(sighting.kind).toBe('skewed');
    expect(describeTrouble(sighting as Trouble)).toBe('camera head saw what camera wrist saw 0.160 s later');
    expect(observer.trouble(1)).toEqual(sighting);
  });

  it('shows the joints as they were when the images were taken, unless the newest are as good', () => {
    for (let n = 0; n <= 10; n++) pose(0.9 + n / 100, n, 0, 0);
    frame('wrist', 0.939, 1);
    frame('head', 0.942, 1, 2, 1);
    expect([...seen(observer.observe(1)).state]).toEqual([0, 4]);
    expect(observer.joints?.positions[0]).toBe(10);
    frame('wrist', 0.96, 1);
    expect([...seen(observer.observe(1)).state]).toEqual([0, 10]);
  });

  const arrivals = fc.array(
    fc.record({ camera: fc.constantFrom('wrist', 'head'), passes: fc.nat(60), lag: fc.nat(120) }),
    { minLength: 2, maxLength: 60 },
  );

  it('shows what it would if it kept every image', () => {
    fc.assert(
      fc.property(arrivals, (messages) => {
        observer.reset();
        const kept: Record<string, number[]> = { wrist: [], head: [] };
        const before: Record<string, number> = {};
        const newest = (camera: string) => kept[camera]?.at(-1) as number;
        let now = 1000;
        for (const { camera, passes, lag } of messages) {
          now += passes;
          const time = (now - lag) / 1000;
          frame(camera, time, 1);
          pose(now / 1000, 1, 2, 3);
          if (!(time <= newest(camera))) kept[camera]?.push(time);
          const sighting = observer.observe(now / 1000);
          if (sighting.kind !== 'ok') continue;
          const latest = ['wrist', 'head'].map(newest) as [number, number];
          const reference = Math.min(...latest);
          const matched = ['wrist', 'head'].map((name) =>
            (kept[name] as number[])
              .filter((seen) => seen >= (before[name] ?? 0))
              .reduce((a, b) => (Math.abs(b - reference) <= Math.abs(a - reference) ? b : a)),
          ) as [number, number];
          const skew = ([a, b]: [number, number]) => Math.abs(a - b);
          const apart = skew(latest) > 0.05 + 1e-6 && skew(matched) < skew(latest);
          const expected = apart ? matched : latest;
          expect(sighting.observation.cameras.map(({ current }) => current.time)).toEqual(expected);
          [before.wrist, before.head] = expected;
        }
      }),
    );
  });

  it('holds on to few images, however many come', async () => {
    const seen: WeakRef<Frame>[] = [];
    for (let n = 0; n < 60; n++) {
      for (const camera of ['wrist', 'head']) seen.push(new WeakRef(frame(camera, n / 30, 1)));
      pose(n / 30, 1, 2, 3);
      if (n % 2 === 0) observer.observe(n / 30);
    }
    await new Promise((resolve) => setImmediate(resolve));
    collectGarbage();
    // Of each camera the newest and the one shown last, and what V8 has on its stack.
    expect(seen.filter((frame) => frame.deref()).length).toBeLessThanOrEqual(6);
  });

  it('frees the pixels of a movable frame that it lets go of, unless an observation has shown it', () => {
    const image = (name: string, time: number, movable = true) => {
      const seen = { camera: name, time, width: 2, height: 1, data: new Uint8Array(6), movable };
      frames.next(seen);
      return seen;
    };
    pose(1, 1, 2, 3);
    const wrist = [0.96, 0.97, 0.98].map((time) => image('wrist', time));
    const fixed = image('wrist', 0.99, false);
    const head = image('head', 0.97);
    // The head may yet be matched with what came at its time, and nothing before.
    expect(wrist.map(({ data }) => data.length)).toEqual([0, 6, 6]);
    expect(seen(observer.observe(1)).cameras.map(({ current }) => current)).toEqual([fixed, head]);
    image('wrist', 1);
    image('head', 1);
    expect([...wrist, fixed, head].map(({ data }) => data.length)).toEqual([0, 0, 0, 6, 6]);
  });

  it('keeps skew and order whatever the cameras do', () => {
    fc.assert(
      fc.property(arrivals, (messages) => {
        observer.reset();
        let now = 1000;
        const before: Record<string, number> = {};
        for (const { camera, passes, lag } of messages) {
          now += passes;
          frame(camera, (now - lag) / 1000, 1, 2, camera === 'head' ? 1 : 2);
          pose(now / 1000, 1, 2, 3);
          const sighting = observer.observe(now / 1000);
          if (sighting.kind !== 'ok') continue;
          const { cameras, time } = sighting.observation;
          const times = cameras.map(({ current }) => current.time);
          expect(sighting.skewS).toBeCloseTo(Math.max(...times) - Math.min(...times), 9);
          expect(sighting.skewS).toBeLessThanOrEqual(0.15 + 1e-6);
          expect(time).toBe(Math.max(...times));
          for (const { current, previous } of cameras) {
            expect(current.time).toBeGreaterThanOrEqual(previous.time);
            expect(previous.time).toBe(before[current.camera] ?? current.time);
            before[current.camera] = current.time;
          }
        }
      }),
    );
  });
});
