import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { FAKE_CONTRACT } from '../../../test/support/fakeRobot.js';
import { UserError } from '../../errors.js';
import { encode } from '../../messages/cdr.js';
import type { Source } from './sources.js';
import { usableFor } from './usable.js';
import { wantedTopics } from './wanted.js';

const header = { stamp: { sec: 1, nanosec: 0 }, frame_id: '' };
const wanted = wantedTopics(FAKE_CONTRACT, { actions: 'command', extras: ['/tf'] });

/** What the recording says of `cdr` on `topic`. */
function ask(topic: string, type: string, cdr: Uint8Array): Promise<boolean> {
  const source: Source = {
    wanted: wanted.find((item) => item.candidates.includes(topic)) as Source['wanted'],
    topic,
    type,
    definition: { text: '', stamped: true },
    latched: false,
  };
  return usableFor(FAKE_CONTRACT)({ source, at: 0n, stamp: undefined, cdr });
}

const joints = (names: readonly string[]) =>
  encode('sensor_msgs/msg/JointState', {
    header,
    name: names,
    position: Float64Array.from(names, (_, i) => i),
    velocity: new Float64Array(),
    effort: new Float64Array(),
  });
const image = (encoding: string) =>
  encode('sensor_msgs/msg/Image', {
    header,
    height: 1,
    width: 2,
    encoding,
    is_bigendian: 0,
    step: 6,
    data: new Uint8Array(6),
  });

describe('usableFor', () => {
  const JOINTS = 'sensor_msgs/msg/JointState';

  it('takes joints in any order, waits where they are all another robot’s, refuses a part of them', async () => {
    expect(await ask('/joint_states', JOINTS, joints(['lift', 'gripper', 'pan', 'wheel']))).toBe(true);
    expect(await ask('/joint_states', JOINTS, joints(['wheel']))).toBe(false);
    const error = await ask('/joint_commands', JOINTS, joints(['pan', 'lift'])).catch((e) => e);
    expect(error).toBeInstanceOf(UserError);
    expect(error.message).toMatch(/^\/joint_commands \(commands\) cannot be recorded as fake's: .*gripper/);
  });

  it('takes images that can be decoded, and no others', async () => {
    const IMAGE = 'sensor_msgs/msg/Image';
    const COMPRESSED = 'sensor_msgs/msg/CompressedImage';
    expect(await ask('/head/image_raw', IMAGE, image('rgb8'))).toBe(true);
    await expect(ask('/head/image_raw', IMAGE, image('sepia'))).rejects.toThrow(/camera head.*sepia/);
    const data = await sharp({ create: { width: 2, height: 1, channels: 3, background: 'red' } })
      .jpeg()
      .toBuffer();
    const jpeg = encode(COMPRESSED, { header, format: 'jpeg', data });
    expect(await ask('/head/image_raw/compressed', COMPRESSED, jpeg)).toBe(true);
    const broken = encode(COMPRESSED, { header, format: 'jpeg', data: data.subarray(0, 20) });
    await expect(ask('/head/image_raw/compressed', COMPRESSED, broken)).rejects.toThrow(/camera head/);
  });

  it('takes anything else as it comes', async () => {
    expect(await ask('/tf', 'tf2_msgs/msg/TFMessage', new Uint8Array(4))).toBe(true);
  });
});
