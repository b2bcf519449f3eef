import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { fakeDecode, fakeEpisodeBag } from '../../test/support/episodeBag.js';
import { FAKE_CONTRACT } from '../../test/support/fakeRobot.js';
import { episode } from '../../test/support/runs.js';
import type { EpisodeEvent } from '../record/episode.js';
import { condense, type Decode } from './condense.js';

const result = episode(1);
const decode = fakeDecode();
/** 1 from tick 10 on, 4 at the last of 40. */
const reward = (tick: number) => (tick === 39 ? 4 : tick >= 10 ? 1 : 0);

describe('condense', () => {
  it('counts rewards as the loop does, wherever the clock starts', async () => {
    for (const start of [0, 1_700_000_000]) {
      const view = await condense(fakeEpisodeBag(result, { reward, start }), result, 'curves', decode);
      expect(view.reward.values.slice(0, 11)).toEqual(Float32Array.of(...new Array(10).fill(0), 1));
      expect(view.return.values.at(-1)).toBe(29 + 4);
      expect(view.return.times.at(-1)).toBeCloseTo(2, 3);
    }
  });

  it('leaves out what was sent after the end, to bring the arm to rest', async () => {
    const late: EpisodeEvent = { kind: 'command', at: 2, time: 2, positions: new Float32Array(3) };
    const view = await condense(fakeEpisodeBag(result, { reward, more: [late] }), result, 'curves', decode);
    expect(view.return.values.at(-1)).toBe(29 + 4);
  });

  it('counts a tick once, however many commands it had', async () => {
    const more = Array.from({ length: 40 * 3 }, (_, i): EpisodeEvent => {
      const at = Math.floor(i / 3) * 0.05 + ((i % 3) + 1) * 0.0125;
      return { kind: 'command', at, time: at, positions: new Float32Array(3) };
    });
    const view = await condense(fakeEpisodeBag(result, { reward, more }), result, 'curves', decode);
    expect(view.return.values.at(-1)).toBe(29 + 4);
    expect(view.return.values).toHaveLength(40);
    expect(view.joints[0]?.commanded.times).toHaveLength(160);
  });

  it('has joints, latencies, interventions and damage as they were recorded', async () => {
    const damage = 'The last chunk is missing.';
    const view = await condense(fakeEpisodeBag(result, { damage }), result, 'curves', decode);
    expect(view.joints.map(({ name }) => name)).toEqual(['pan', 'lift', 'gripper']);
    const [pan] = view.joints;
    expect(pan?.measured.times).toHaveLength(40);
    pan?.commanded.values.forEach((value, i) => {
      expect(value - (pan.measured.values[i] as number)).toBeCloseTo(0.01, 5);
    });
    expect(view.latencies).toHaveLength(40);
    expect(view.interventions).toEqual([
      { time: 0, kind: 'ramp_in' },
      { time: 0.05, kind: 'ramp_in' },
    ]);
    expect(view.damage).toBe(damage);
  });

  it('films all cameras side by side, five pictures a second, and strips eight of them', async () => {
    const view = await condense(fakeEpisodeBag(result), result, 'film', decode);
    // Images of 8×6 and 12×8, a gap of 2 between them.
    expect(view.film).toMatchObject({ width: 22, height: 8, seconds: 2 });
    const film = await sharp(view.film?.bytes, { animated: true }).metadata();
    expect(film).toMatchObject({ format: 'webp', pages: 11, width: 22, pageHeight: 8 });
    expect(film.delay?.slice(0, 10)).toEqual(new Array(10).fill(200));
    expect(view.strip?.times).toHaveLength(8);
    expect(view.strip?.times[0]).toBe(0);
    expect(view.strip?.times.at(-1)).toBe(2);
    expect(await sharp(view.strip?.bytes).metadata()).toMatchObject({
      width: 8 * 14 - 2,
      height: 6 + 2 + 8,
    });
    // Of the camera with the role of the overview.
    expect(await sharp(view.thumbnail?.bytes).metadata()).toMatchObject({ width: 12, height: 8 });
  });

  it('decodes no more than it shows', async () => {
    let decoded = 0;
    const counting: Decode = (image) => {
      decoded++;
      return decode(image);
    };
    const thumbnail = await condense(fakeEpisodeBag(result), result, 'thumbnail', counting);
    expect(decoded).toBe(2);
    expect(thumbnail.film).toBeUndefined();
    expect(thumbnail.strip).toBeUndefined();
    expect(thumbnail.joints).toEqual([]);
    decoded = 0;
    await condense(fakeEpisodeBag(result), result, 'curves', counting);
    expect(decoded).toBe(2 * 8);
  });

  it('keeps long films to as many pictures as short ones, over the whole episode', async () => {
    const long = episode(1, true, { steps: 20 * 60, duration_s: 60 });
    const view = await condense(fakeEpisodeBag(long), long, 'film', decode);
    const film = await sharp(view.film?.bytes, { animated: true }).metadata();
    // The encoder joins pictures that look the same: it is the time they are shown that counts.
    expect(film.pages).toBeLessThanOrEqual(120);
    const shownS = (film.delay ?? []).reduce((sum, ms) => sum + ms, 0) / 1000;
    expect(shownS).toBeCloseTo(119 * (60 / 119) + 1, 0);
    expect(view.strip?.times.at(-1)).toBe(60);
  });

  it('has no picture before every camera has sent one, and none at all of a blind episode', async () => {
    const blind = { ...FAKE_CONTRACT, cameras: [] };
    const view = await condense(fakeEpisodeBag(result, { contract: blind }), result, 'film', decode);
    expect([view.thumbnail, view.strip, view.film]).toEqual([undefined, undefined, undefined]);
    expect(view.joints).toHaveLength(3);
  });

  it('shows a camera that changes its resolution at its first one', async () => {
    const large = new Uint8Array(3 * 24 * 16);
    const image = { type: 'sensor_msgs/msg/Image', data: large } as const;
    const more = [{ kind: 'frame', at: 0.999, time: 0.999, camera: 'head', image }] as const;
    const both: Decode = (each) =>
      each.data === large ? Promise.resolve({ width: 24, height: 16, data: large }) : decode(each);
    const view = await condense(fakeEpisodeBag(result, { more }), result, 'film', both);
    expect(view.film).toMatchObject({ width: 22, height: 8 });
  });
});
