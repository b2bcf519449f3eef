import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { UserError } from '../errors.js';
import { loadContract, parseContract } from './load.js';

const SIM_ARM = fileURLToPath(new URL('../../config/robots/sim_arm.yaml', import.meta.url));
const dir = mkdtempSync(path.join(tmpdir(), 'saccade-contract-'));
afterAll(() => rmSync(dir, { recursive: true }));
writeFileSync(path.join(dir, 'scene.xml'), '<mujoco/>');

const VALID = `name: arm
rate_hz: 20
sim: { scene: scene.xml }
joints:
  - { name: pan, min: -1, max: 1, velocity: 2, acceleration: 3 }
  - { name: lift, min: 0, max: 0.5, velocity: 4, acceleration: 5 }
cameras:
  - { name: eye, role: wrist_detail, width: 64, height: 48, max_age_s: 0.1 }
safety: { ramp_in_s: 0.5, joints_max_age_s: 0.2 }
`;

let files = 0;
function write(text: string): string {
  const file = path.join(dir, `robot${files++}.yaml`);
  writeFileSync(file, text);
  return file;
}

async function refusal(change: (text: string) => string): Promise<string> {
  const changed = change(VALID);
  expect(changed).not.toBe(VALID);
  const file = write(changed);
  const error = await loadContract(file).catch((caught: unknown) => caught);
  expect(error).toBeInstanceOf(UserError);
  const { message } = error as UserError;
  expect(message.startsWith(`${file}:`)).toBe(true);
  return message.slice(file.length + 1);
}

describe('loadContract', () => {
  it('reads plain values, paths made absolute from the contract’s folder', async () => {
    const file = write(VALID);
    expect(await loadContract(path.relative(process.cwd(), file))).toEqual({
      file,
      text: VALID,
      name: 'arm',
      rateHz: 20,
      sim: { scene: path.join(dir, 'scene.xml') },
      joints: [
        { name: 'pan', min: -1, max: 1, velocity: 2, acceleration: 3 },
        { name: 'lift', min: 0, max: 0.5, velocity: 4, acceleration: 5 },
      ],
      cameras: [
        {
          name: 'eye',
          role: 'wrist_detail',
          width: 64,
          height: 48,
          maxAgeS: 0.1,
          topic: '/eye/image_raw',
        },
      ],
      jointStates: { topic: '/joint_states' },
      command: { topic: '/joint_commands', type: 'sensor_msgs/msg/JointState' },
      reward: { topic: '/reward' },
      safety: { rampInS: 0.5, jointsMaxAgeS: 0.2 },
    });
  });

  it.each([
    [
      'role: wrist_detail',
      'role: wrist',
      '8: cameras[0].role is "wrist"; it must be one of wrist_detail, wrist_context, global_overview',
    ],
    ['rate_hz: 20', 'rate_hz: -20', '2: rate_hz is -20; it must be greater than 0'],
    ['rate_hz: 20\n', '', '1: rate_hz is missing; it must be a finite number'],
    ['max: 0.5', 'max: 0', '6: joints[1].max is 0; it must be greater than min'],
    ['name: lift', 'name: pan', '6: joints[1].name is "pan"; it must differ from those before it'],
    ['width: 64', 'width: 0', '8: cameras[0].width is 0; it must be greater than 0'],
    ['velocity: 4', 'velocity: .nan', '6: joints[1].velocity is NaN; it must be a finite number'],
    ['acceleration: 5', 'accel: 5', '6: joints[1].acceleration is missing; it must be a finite number'],
    ['max_age_s', 'max_age', '8: cameras[0].max_age_s is missing; it must be a finite number'],
    [
      'max_age_s: 0.1',
      'max_age_s: 0.1, topic: eye',
      '8: cameras[0].topic is "eye"; it must be a full topic name such as /camera/image_raw',
    ],
    [
      'ramp_in_s: 0.5',
      'ramp_in_s: 0.5, off: true',
      '9: safety.off is not a known key; correct its spelling or remove it',
    ],
  ])('refuses %s changed to %s', async (from, to, message) => {
    expect(await refusal((text) => text.replace(from, to))).toBe(message);
  });

  it('refuses a scene that does not exist', async () => {
    const message = await refusal((text) => text.replace('scene.xml', 'gone.xml'));
    expect(message).toBe(`3: sim.scene is "gone.xml"; it must be a file, its path relative to ${dir}`);
  });

  it('says so when there is no such file', async () => {
    await expect(loadContract('nowhere/arm.yaml')).rejects.toThrow(
      new UserError('robot contract nowhere/arm.yaml cannot be read (ENOENT)'),
    );
  });
});

describe('config/robots/sim_arm.yaml', () => {
  it('is valid, and its joints and cameras are those of the scene', async () => {
    const { joints, cameras, sim } = await loadContract(SIM_ARM);
    const scene = readFileSync(sim?.scene as string, 'utf8');
    const actuators = [...scene.matchAll(/<position name="(\w+)"/g)].map(([, name]) => name);
    expect(joints.map(({ name }) => name)).toEqual(actuators);
    for (const { name } of cameras) expect(scene).toContain(`<camera name="${name}"`);
  });
});

describe('parseContract', () => {
  it('reads a recorded contract whose scene is not on this machine, and its topics', () => {
    const text = `${VALID.replace('scene.xml', 'gone.xml')}joint_states: { topic: /arm/joints }
command: { topic: /arm/trajectory, type: trajectory_msgs/msg/JointTrajectory }
`;
    expect(parseContract('/elsewhere/robot.yaml', text)).toMatchObject({
      file: '/elsewhere/robot.yaml',
      text,
      sim: { scene: '/elsewhere/gone.xml' },
      jointStates: { topic: '/arm/joints' },
      command: { topic: '/arm/trajectory', type: 'trajectory_msgs/msg/JointTrajectory' },
    });
  });
});
