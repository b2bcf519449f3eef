/**
 * A process that records until it is killed:
 *
 *     vite-node test/support/recordUntilKilled.ts DIR raw|jpeg WIDTH HEIGHT
 *
 * Prints `SOURCE TIME` (s, to the nanosecond) for every joint state and frame once the recording has it.
 */
import { writeSync } from 'node:fs';
import { fromStamp, toStamp } from '../../src/messages/time.js';
import type { ImageFormat } from '../../src/record/episode.js';
import { Recorder } from '../../src/record/recorder.js';
import { CameraRobot } from './cameraRobot.js';

const [dir = '', images = 'raw', width, height] = process.argv.slice(2);
const robot = new CameraRobot({
  width: Number(width),
  height: Number(height),
  cameraHz: 30,
  jointsHz: 100,
});
const recorder = await Recorder.start();
await recorder.begin({
  dir,
  robot,
  info: {
    source: 'rollout',
    lockstep: false,
    contract: { file: 'camera-robot.yaml', text: '' },
    images: images as ImageFormat,
    software: {},
  },
});
const say = (source: string, time: number) => writeSync(1, `${source} ${fromStamp(toStamp(time))}\n`);
robot.joints.subscribe(({ time }) => say('joints', time));
robot.frames.subscribe(({ camera, time }) => say(camera, time));
