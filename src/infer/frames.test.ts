import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { UserError } from '../errors.js';
import type { Frame } from '../robots/robot.js';
import type { BundleCamera } from './bundle.js';
import { FrameSender } from './frames.js';
import type { CameraImages, SentFrame } from './protocol.js';

const eye = (previous?: string): BundleCamera => ({
  ...{ name: 'eye', role: 'wrist_detail', width: 2, height: 2 },
  inputs: { current: 'eye', previous },
});

function frame(value: number, width = 2, height = 1): Frame {
  return { camera: 'eye', time: value, width, height, data: new Uint8Array(width * height * 3).fill(value) };
}

const movable = (value: number, time = value): Frame => ({ ...frame(value), time, movable: true });

/** What the thread has, as it follows what it is told. */
function thread() {
  const images: (number | undefined)[] = [];
  const take = ({ image, pixels }: SentFrame) => {
    // Moved, as `postMessage` does it.
    images[image] = structuredClone(pixels, { transfer: [pixels.buffer] })[0];
  };
  const run = (told: readonly CameraImages[]) => {
    const [{ current, previous, frames }] = told as [CameraImages];
    frames.forEach(take);
    return { sees: [images[current], images[previous]], sent: frames.length };
  };
  return { images, take, run };
}

describe('FrameSender', () => {
  it('sends one frame a run to a policy that keeps up, two to one that does not', () => {
    const sender = new FrameSender([eye('before')]);
    const { run: take } = thread();
    const frames = [1, 2, 3, 4, 5, 6].map((value) => frame(value));
    const run = (current: number, previous: number) =>
      take(sender.send([{ current: frames[current - 1] as Frame, previous: frames[previous - 1] as Frame }]));
    expect(run(1, 1)).toEqual({ sees: [1, 1], sent: 1 });
    expect(run(2, 1)).toEqual({ sees: [2, 1], sent: 1 });
    expect(run(3, 2)).toEqual({ sees: [3, 2], sent: 1 });
    // The camera sent nothing new.
    expect(run(3, 3)).toEqual({ sees: [3, 3], sent: 0 });
    expect(run(6, 5)).toEqual({ sees: [6, 5], sent: 2 });
  });

  it('shows the thread the right frames whatever comes, and sends none twice in a row', () => {
    const steps = fc.array(fc.tuple(fc.nat(5), fc.nat(5)), { maxLength: 40 });
    fc.assert(
      fc.property(steps, (pairs) => {
        const sender = new FrameSender([eye('before')]);
        const { run } = thread();
        const frames = Array.from({ length: 6 }, (_, value) => frame(value));
        let had: number[] = [];
        for (const [current, previous] of pairs) {
          const { sees, sent } = run(
            sender.send([{ current: frames[current] as Frame, previous: frames[previous] as Frame }]),
          );
          expect(sees).toEqual([current, previous]);
          const wanted = [...new Set([current, previous])];
          expect(sent).toBeLessThanOrEqual(wanted.filter((value) => !had.includes(value)).length);
          had = wanted;
        }
      }),
    );
  });

  it('shows the thread the right frames, and each is sent once, whatever was foreseen', () => {
    const steps = fc.array(fc.tuple(fc.array(fc.nat(5), { maxLength: 3 }), fc.nat(5), fc.nat(5)), {
      maxLength: 40,
    });
    fc.assert(
      fc.property(steps, (runs) => {
        const sender = new FrameSender([eye('before')]);
        const { images, take } = thread();
        const frames = Array.from({ length: 6 }, (_, value) => frame(value));
        for (const [foreseen, current, previous] of runs) {
          for (const value of foreseen) {
            const had = images.includes(value);
            const sent = sender.foresee(0, frames[value] as Frame);
            if (had) expect(sent).toBeUndefined();
            if (sent) take(sent);
          }
          const had = [...images];
          const pair = { current: frames[current] as Frame, previous: frames[previous] as Frame };
          const [told] = sender.send([pair]) as [CameraImages];
          told.frames.forEach(take);
          expect([images[told.current], images[told.previous]]).toEqual([current, previous]);
          if (had.includes(current) && had.includes(previous)) expect(told.frames).toEqual([]);
        }
      }),
    );
  });

  it('has nothing left to send of a camera whose frame was foreseen, and sends none that cannot be', () => {
    const sender = new FrameSender([eye('before')]);
    const { run, take } = thread();
    const [first, second] = [frame(1), frame(2)];
    run(sender.send([{ current: first, previous: first }]));
    expect(sender.foresee(0, { ...frame(3), width: 3 })).toBeUndefined();
    take(sender.foresee(0, second) as SentFrame);
    expect(sender.foresee(0, second)).toBeUndefined();
    expect(run(sender.send([{ current: second, previous: first }]))).toEqual({ sees: [2, 1], sent: 0 });
  });

  it('sends two frames ahead of a run, and no more', () => {
    const sender = new FrameSender([eye('before')]);
    const { run, take } = thread();
    const [first, ...next] = [1, 2, 3, 4, 5].map((value) => movable(value)) as [Frame, ...Frame[]];
    run(sender.send([{ current: first, previous: first }]));
    const ahead = next.map((one) => sender.foresee(0, one));
    expect(ahead.map((sent) => sent !== undefined)).toEqual([true, true, false, false]);
    for (const sent of ahead) if (sent) take(sent);
    // What is shown is older than what was sent last, which is still there when its turn comes.
    expect(run(sender.send([{ current: next[0] as Frame, previous: first }]))).toEqual({
      sees: [2, 1],
      sent: 0,
    });
    expect(run(sender.send([{ current: next[1] as Frame, previous: next[0] as Frame }]))).toEqual({
      sees: [3, 2],
      sent: 0,
    });
  });

  it('moves pixels that it may, copies those that it may not, and never needs what it has moved', () => {
    /** Of each frame: whether it is sent ahead, and how many have come before one is shown; whether that is run. */
    const steps = fc.array(fc.tuple(fc.boolean(), fc.nat(4), fc.boolean()), { maxLength: 60 });
    fc.assert(
      fc.property(steps, fc.constantFrom(true, false), (arrivals, moves) => {
        const sender = new FrameSender([eye('before')]);
        const { run, take } = thread();
        let recent: Frame[] = [];
        let shown: Frame | undefined;
        for (const [i, [ahead, age, runs]] of arrivals.entries()) {
          const newest = moves ? movable(i % 256, i) : { ...frame(i % 256), time: i };
          recent.push(newest);
          const sent = ahead ? sender.foresee(0, newest) : undefined;
          if (sent) take(sent);
          if (i % 3 !== 0) continue;
          // As the observer chooses: any that is not older than what was shown last.
          const current = recent.at(-1 - Math.min(age, recent.length - 1)) as Frame;
          const previous = shown ?? current;
          shown = current;
          recent = recent.filter(({ time }) => time >= current.time);
          if (!runs) continue;
          const { sees } = run(sender.send([{ current, previous }]));
          expect(sees).toEqual([current.time % 256, previous.time % 256]);
          expect(current.data.length === 0).toBe(moves);
        }
      }),
    );
  });

  it('says so where it is asked for what it has moved and let go of', () => {
    const sender = new FrameSender([eye()]);
    const { run } = thread();
    const frames = [1, 2, 3, 4, 5, 6].map((value) => movable(value));
    for (const current of frames) run(sender.send([{ current, previous: current }]));
    const [first] = frames as [Frame];
    expect(() => sender.send([{ current: first, previous: first }])).toThrow(
      'camera eye is to show again what it showed at 1 s, which was moved',
    );
  });

  it('sends nothing of the frame before to a policy that does not look at it', () => {
    const sender = new FrameSender([eye()]);
    const { run } = thread();
    expect(run(sender.send([{ current: frame(2), previous: frame(1) }]))).toEqual({ sees: [2, 2], sent: 1 });
    expect(run(sender.send([{ current: frame(3), previous: frame(2) }]))).toEqual({ sees: [3, 3], sent: 1 });
  });

  it('sends what is not rgb8 as it is', () => {
    const bytes = Uint8Array.of(1, 2, 3, 4);
    const layout = { encoding: 'yuyv', step: 4, bigEndian: false };
    const of = { ...frame(0), raw: { layout, bytes } };
    const [told] = new FrameSender([eye('before')]).send([{ current: of, previous: of }]);
    const { pixels, ...sent } = told?.frames[0] ?? {};
    expect(pixels).toEqual(bytes);
    expect(pixels?.buffer).not.toBe(bytes.buffer);
    expect(sent).toEqual({ image: 0, width: 2, height: 1, layout });
  });

  it('refuses a frame that is not of its size, and goes on with the next', () => {
    const sender = new FrameSender([eye('before')]);
    const [good, bad] = [frame(1), { ...frame(2), width: 3 }];
    expect(() => sender.send([{ current: bad, previous: good }])).toThrow(
      new UserError('camera eye gave an image of 6 bytes where 3×1 rgb8 has 9: check its size and encoding'),
    );
    expect(thread().run(sender.send([{ current: good, previous: good }]))).toEqual({
      sees: [1, 1],
      sent: 1,
    });
  });
});
