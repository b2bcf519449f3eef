/** What turns pictures and episodes into files: sharp, ffmpeg, the recording thread. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { requireFfmpeg } from '../../dataset/video.js';
import { openBag } from '../../record/reader.js';
import { Recorder } from '../../record/recorder.js';
import { softwareVersions } from '../../version.js';
import { type Finding, fail, ok, reason, warn } from './check.js';

/** A JPEG there and back. */
export async function checkImages(): Promise<Finding> {
  const name = 'images';
  const [width, height] = [640, 480];
  const raw = { width, height, channels: 3 } as const;
  try {
    const pixels = Buffer.alloc(width * height * 3, 128);
    const start = performance.now();
    const jpeg = await sharp(pixels, { raw }).jpeg().toBuffer();
    const { info } = await sharp(jpeg).raw().toBuffer({ resolveWithObject: true });
    if (info.width !== width || info.height !== height) throw new Error('a JPEG came back in another size');
    return ok(
      name,
      `sharp ${sharp.versions.sharp} compresses and reads JPEG (${(performance.now() - start).toFixed(0)} ms)`,
    );
  } catch (error) {
    return fail(name, `sharp does not work (${reason(error)})`, 'reinstall with `npm ci`');
  }
}

export async function checkFfmpeg(): Promise<Finding> {
  const name = 'ffmpeg';
  try {
    await requireFfmpeg();
    return ok(name, 'encodes AV1');
  } catch (error) {
    const [finding = '', advice = ''] = reason(error).split(': ');
    return warn(name, finding, advice.replace('leave out --videos', 'do without `dataset export --videos`'));
  }
}

/** An empty recording, written by the recording thread and read again. */
export async function checkRecorder(): Promise<Finding> {
  const name = 'recorder';
  const parent = await mkdtemp(join(tmpdir(), 'saccade-doctor-'));
  const dir = join(parent, 'episode_000000');
  try {
    const recorder = await Recorder.start();
    try {
      const info = {
        source: 'rollout',
        lockstep: false,
        contract: { file: 'none.yaml', text: '' },
        seed: 0,
        images: 'raw',
        software: softwareVersions(),
      } as const;
      const report = await (await recorder.begin({ dir, info })).finish();
      if (report.error !== undefined) throw new Error(report.error);
    } finally {
      await recorder.close();
    }
    const bag = await openBag(dir);
    await bag.close();
    if (bag.damage !== undefined) throw new Error(bag.damage);
    return ok(name, 'writes a bag that reads again');
  } catch (error) {
    return fail(name, `no recording can be made (${reason(error)})`, 'reinstall with `npm ci`');
  } finally {
    await rm(parent, { recursive: true, force: true });
  }
}
