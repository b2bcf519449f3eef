import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { temporaryFolder } from '../../test/support/cli.js';
import { UserError } from '../errors.js';
import { requireFfmpeg, VideoSeries } from './video.js';

const tmp = temporaryFolder();
const { PATH } = process.env;
afterEach(() => {
  process.env.PATH = PATH;
});

let programs = 0;

/** Makes `ffmpeg` the shell script given, none where it is undefined. */
function ffmpegIs(script: string | undefined): void {
  const bin = join(tmp, `bin_${programs++}`);
  mkdirSync(bin);
  if (script !== undefined) {
    writeFileSync(join(bin, 'ffmpeg'), `#!/bin/sh\n${script}\n`);
    chmodSync(join(bin, 'ffmpeg'), 0o755);
  }
  process.env.PATH = script === undefined ? bin : `${bin}:${PATH}`;
}

const series = (name: string) =>
  new VideoSeries({
    root: join(tmp, name),
    key: 'observation.images.head',
    size: { width: 4, height: 2 },
    fps: 20,
  });
const image = new Uint8Array(24);

describe('requireFfmpeg', () => {
  it('is content with an ffmpeg that can encode AV1', async () => {
    ffmpegIs('echo " V..... libsvtav1   SVT-AV1"');
    await requireFfmpeg();
  });

  it('says what is missing', async () => {
    ffmpegIs(undefined);
    await expect(requireFfmpeg()).rejects.toThrow(
      /need the program ffmpeg.*: install it, or leave out --videos/,
    );
    ffmpegIs('echo " V..... libx264   H.264"');
    await expect(requireFfmpeg()).rejects.toThrow(/need an ffmpeg with the encoder libsvtav1/);
  });
});

describe('VideoSeries', () => {
  it('gives ffmpeg every frame of every episode, in order, and says where each episode is', async () => {
    // The last argument is the file.
    ffmpegIs('for last; do :; done; cat > "$last"');
    const video = series('good');
    expect(await video.place(3)).toEqual({ chunk: 0, file: 0, from: 0, to: 3 / 20 });
    for (const fill of [1, 2, 3]) await video.add(image.slice().fill(fill));
    expect(await video.place(2)).toEqual({ chunk: 0, file: 0, from: 3 / 20, to: 5 / 20 });
    for (const fill of [4, 5]) await video.add(image.slice().fill(fill));
    await video.close();
    const bytes = readFileSync(join(tmp, 'good/videos/observation.images.head/chunk-000/file-000.mp4'));
    expect([...bytes]).toEqual([1, 2, 3, 4, 5].flatMap((fill) => Array.from({ length: 24 }, () => fill)));
  });

  it('begins another file before one grows too large, and times episodes within theirs', async () => {
    ffmpegIs('cat > /dev/null');
    const video = new VideoSeries({
      ...{ root: join(tmp, 'large'), key: 'observation.images.head', fps: 20 },
      size: { width: 1000, height: 1000 },
    });
    // 3 MB a frame: 1000 are 3 GB.
    const places = [
      await video.place(1000),
      await video.place(1000),
      await video.place(5000),
      await video.place(1),
    ];
    expect(places.map(({ file, from }) => [file, from])).toEqual([
      [0, 0],
      [1, 0],
      [2, 0],
      [3, 0],
    ]);
  });

  it('says what ffmpeg complained of', async () => {
    ffmpegIs('cat > /dev/null; echo "out of ideas" >&2; exit 3');
    const video = series('sad');
    await video.place(1);
    await video.add(image);
    await expect(video.close()).rejects.toThrow(/file-000\.mp4 cannot be made: ffmpeg says 'out of ideas'/);
  });

  it('does not wait for an ffmpeg that has died', async () => {
    ffmpegIs('exec 0<&-; echo "no space left" >&2; exit 1');
    const video = series('dead');
    await video.place(100_000);
    const large = image.slice();
    const endless = async () => {
      for (let i = 0; i < 100_000; i++) await video.add(large);
    };
    await expect(endless()).rejects.toThrow(UserError);
  });

  it('can be abandoned at any time', async () => {
    ffmpegIs('for last; do :; done; touch "$last"; exec cat > /dev/null');
    const video = series('left');
    await video.abandon();
    await video.place(1);
    await video.add(image);
    await video.abandon();
    await video.abandon();
    expect(existsSync(join(tmp, 'left/videos/observation.images.head'))).toBe(true);
  });
});
