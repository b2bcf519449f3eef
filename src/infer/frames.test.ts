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

/** What the thread has, as it follows what it is told; gives the buffers back at once. */
function thread(sender: FrameSender) {
  const images: (number | undefined)[] = [];
  return (told: readonly CameraImages[]) => {
    const [{ current, previous, frames }] = told as [CameraImages];
    for (const { image, pixels } of frames) images[image] = new Uint8Array(pixels)[0];
    sender.recycle(frames.map(({ pixels }) => pixels));
    return { sees: [images[current], images[previous]], sent: frames.length };
  };
}

describe('FrameSender', () => {
  it('sends one frame a run to a policy that keeps up, two to one that does not', () => {
    const sender = new FrameSender([eye('before')]);
    const take = thread(sender);
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
        const take = thread(sender);
        const frames = Array.from({ length: 6 }, (_, value) => frame(value));
        let had: number[] = [];
        for (const [current, previous] of pairs) {
          const { sees, sent } = take(
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
        const images: (number | undefined)[] = [];
        const take = ({ image, pixels }: SentFrame) => {
          images[image] = new Uint8Array(pixels)[0];
          sender.recycle([pixels]);
        };
        const frames = Array.from({ length: 6 }, (_, value) => frame(value));
        for (const [foreseen, current, previous] of runs) {
          for (const value of foreseen) {
            const had = images.includes(value);
            const sent = sender.foresee(0, frames[value] as Frame);
            expect(sent === undefined).toBe(had);
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
    const take = thread(sender);
    const [first, second] = [frame(1), frame(2)];
    take(sender.send([{ current: first, previous: first }]));
    expect(sender.foresee(0, { ...frame(3), width: 3 })).toBeUndefined();
    expect(sender.foresee(0, second)?.image).toBe(1);
    expect(sender.foresee(0, second)).toBeUndefined();
    expect(sender.send([{ current: second, previous: first }])).toEqual([
      { current: 1, previous: 0, frames: [] },
    ]);
  });

  it('sends nothing of the frame before to a policy that does not look at it', () => {
    const sender = new FrameSender([eye()]);
    const take = thread(sender);
    expect(take(sender.send([{ current: frame(2), previous: frame(1) }]))).toEqual({ sees: [2, 2], sent: 1 });
    expect(take(sender.send([{ current: frame(3), previous: frame(2) }]))).toEqual({ sees: [3, 3], sent: 1 });
  });

  it('copies into the buffers that came back, where they are as long', () => {
    const sender = new FrameSender([eye('before')]);
    const send = (of: Frame) =>
      sender.send([{ current: of, previous: of }])[0]?.frames[0]?.pixels as ArrayBuffer;
    const first = send(frame(1));
    const second = send(frame(2));
    expect(second).not.toBe(first);
    sender.recycle([first, second]);
    expect([first, second]).toContain(send(frame(3)));
    expect([first, second]).not.toContain(send(frame(4, 4, 4)));
    expect([first, second]).toContain(send(frame(5)));
  });

  it('sends what is not rgb8 as it is', () => {
    const bytes = Uint8Array.of(1, 2, 3, 4);
    const layout = { encoding: 'yuyv', step: 4, bigEndian: false };
    const of = { ...frame(0), raw: { layout, bytes } };
    const [told] = new FrameSender([eye('before')]).send([{ current: of, previous: of }]);
    const { pixels, ...sent } = told?.frames[0] ?? {};
    expect(new Uint8Array(pixels as ArrayBuffer)).toEqual(bytes);
    expect(sent).toEqual({ image: 0, width: 2, height: 1, layout });
  });

  it('refuses a frame that is not of its size, and goes on with the next', () => {
    const sender = new FrameSender([eye('before')]);
    const [good, bad] = [frame(1), { ...frame(2), width: 3 }];
    expect(() => sender.send([{ current: bad, previous: good }])).toThrow(
      new UserError('camera eye gave an image of 6 bytes where 3×1 rgb8 has 9: check its size and encoding'),
    );
    expect(thread(sender)(sender.send([{ current: good, previous: good }]))).toEqual({
      sees: [1, 1],
      sent: 1,
    });
  });
});
