import { Subject } from 'rxjs';
import { beforeEach, describe, expect, it } from 'vitest';
import type { Frame, JointState } from '../robots/robot.js';
import { describe as describeTrouble, Observer, type Sighting } from './observer.js';

const CAMERAS = [
  { name: 'wrist', width: 2, height: 2, maxAgeS: 0.2 },
  { name: 'head', width: 2, height: 1, maxAgeS: 0.2 },
];

let frames: Subject<Frame>;
let joints: Subject<JointState>;
let observer: Observer;

beforeEach(() => {
  frames = new Subject();
  joints = new Subject();
  observer = new Observer({ frames, joints }, { cameras: CAMERAS, joints: [2, 0], jointsMaxAgeS: 0.1 });
});

function frame(camera: string, time: number, fill: number, width = 2, height = 2): Frame {
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

  it('gives cameras in the policy’s order and size, and joints in its order', () => {
    frame('head', 0.01, 7, 4, 4);
    const wrist = frame('wrist', 0.02, 3);
    pose(0.02, 10, 20, 30);
    const observation = seen(observer.observe(0.03));
    expect(observation.time).toBe(0.02);
    expect(observation.state).toEqual(Float32Array.of(30, 10));
    expect(observation.cameras[0].current).toBe(wrist);
    expect(observation.cameras[1].current).toEqual({
      camera: 'head',
      time: 0.01,
      width: 2,
      height: 1,
      data: new Uint8Array(6).fill(7),
    });
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

  it('follows a camera that changes its size', () => {
    pose(0, 0, 0, 0);
    frame('head', 0, 5, 6, 3);
    frame('wrist', 0, 5);
    observer.observe(0);
    frame('head', 0.05, 9, 2, 7);
    expect(seen(observer.observe(0.05)).cameras[1].current.data).toEqual(new Uint8Array(6).fill(9));
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
