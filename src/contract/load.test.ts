import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { UserError } from '../errors.js';
import { rosJoint } from './contract.js';
import { loadContract, parseContract } from './load.js';

const SIM_ARM = fileURLToPath(new URL('../../config/robots/sim_arm.yaml', import.meta.url));
const SIM_BIMANUAL = fileURLToPath(new URL('../../config/robots/sim_bimanual.yaml', import.meta.url));
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
      commandRateHz: 20,
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
          qos: 'sensor_data',
        },
      ],
      jointStates: { topics: ['/joint_states'] },
      commands: [{ topic: '/joint_commands', type: 'sensor_msgs/msg/JointState', joints: ['pan', 'lift'] }],
      reward: { topic: '/reward', max: 1 },
      sync: { toleranceS: 0.025, maxSkewS: 0.1 },
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
    [
      'rate_hz: 20',
      'rate_hz: 20\ncommand_rate_hz: 50',
      '3: command_rate_hz is 50; it must be a whole multiple of rate_hz (20), 500 at most',
    ],
    [
      'rate_hz: 20',
      'rate_hz: 20\ncommand_rate_hz: 10',
      '3: command_rate_hz is 10; it must be a whole multiple of rate_hz (20), 500 at most',
    ],
    [
      'rate_hz: 20',
      'rate_hz: 20\ncommand_rate_hz: 520',
      '3: command_rate_hz is 520; it must be a whole multiple of rate_hz (20), 500 at most',
    ],
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

describe.each([
  ['sim_arm', SIM_ARM],
  ['sim_bimanual', SIM_BIMANUAL],
])('config/robots/%s.yaml', (_, file) => {
  it('is valid, and its joints and cameras are those of the scene', async () => {
    const { joints, cameras, sim } = await loadContract(file);
    const scene = readFileSync(sim?.scene as string, 'utf8');
    const arm = readFileSync(path.join(path.dirname(sim?.scene as string), 'arm.xml'), 'utf8');
    // Every arm that the scene attaches has its names with a prefix.
    const arms = [...scene.matchAll(/<attach model="arm" body="base" prefix="(\w*)"/g)].map(
      ([, prefix]) => prefix,
    );
    const named = (what: string) => {
      const names = [...arm.matchAll(new RegExp(`<${what} name="(\\w+)"`, 'g'))].map(([, name]) => name);
      return arms.flatMap((prefix) => names.map((name) => `${prefix}${name}`));
    };
    expect(joints.map(({ name }) => name)).toEqual(named('position'));
    const own = [...scene.matchAll(/<camera name="(\w+)"/g)].map(([, name]) => name as string);
    for (const { name } of cameras) expect([...own, ...named('camera')]).toContain(name);
  });
});

describe.each([SIM_ARM, SIM_BIMANUAL])('%s', (file) => {
  it('has a twin whose cameras alone differ, with 48×48 px', async () => {
    const [robot, twin] = await Promise.all([file, file.replace('.yaml', '_48px.yaml')].map(loadContract));
    expect(twin.name).toBe(`${robot.name}_48px`);
    expect(twin).toEqual({
      ...robot,
      file: twin.file,
      text: twin.text,
      name: twin.name,
      cameras: robot.cameras.map((camera) => ({ ...camera, width: 48, height: 48 })),
    });
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
      jointStates: { topics: ['/arm/joints'] },
      commands: [
        {
          topic: '/arm/trajectory',
          type: 'trajectory_msgs/msg/JointTrajectory',
          joints: ['pan', 'lift'],
        },
      ],
    });
  });

  const refusalOf = (text: string): string => {
    try {
      parseContract('/r.yaml', text);
    } catch (error) {
      expect(error).toBeInstanceOf(UserError);
      return (error as UserError).message;
    }
    throw new Error('nothing was refused');
  };

  it('reads what a ROS robot needs', () => {
    const text = `${VALID.replace('rate_hz: 20', 'rate_hz: 20\ncommand_rate_hz: 240').replace(
      '{ name: lift, ',
      '{ name: lift, ros: { name: lift_joint, scale: 2, offset: -1 }, ',
    )}joint_states: { topics: [/a/joint_states, /b/joint_states] }
commands:
  - { topic: /a/commands, type: std_msgs/msg/Float64MultiArray, joints: [lift] }
  - { topic: /b/commands, type: trajectory_msgs/msg/JointTrajectory, joints: [pan] }
reward: { topic: /task/reward, max: 4 }
success: { topic: /task/success }
reset: { service: /task/reset, type: std_srvs/srv/Trigger }
sync: { tolerance_s: 0.01, max_skew_s: 0.05 }
`;
    expect(parseContract('/r.yaml', text)).toMatchObject({
      rateHz: 20,
      commandRateHz: 240,
      joints: [{ name: 'pan' }, { name: 'lift', ros: { name: 'lift_joint', scale: 2, offset: -1 } }],
      jointStates: { topics: ['/a/joint_states', '/b/joint_states'] },
      commands: [
        { topic: '/a/commands', joints: ['lift'] },
        { topic: '/b/commands', joints: ['pan'] },
      ],
      reward: { topic: '/task/reward', max: 4 },
      success: { topic: '/task/success' },
      reset: { service: '/task/reset', type: 'std_srvs/srv/Trigger', timeoutS: 30 },
      sync: { toleranceS: 0.01, maxSkewS: 0.05 },
    });
  });

  it('reads how the world of a simulator is stepped', () => {
    const text = `${VALID}lockstep: { service: /world/w/control, step_s: 0.002 }\n`;
    expect(parseContract('/r.yaml', text).lockstep).toEqual({
      service: '/world/w/control',
      stepS: 0.002,
      reward: false,
    });
  });

  it('lets two arms call their joints the same, each on a topic of its own', () => {
    const arms = (a: string, b: string) =>
      `${VALID.replace('{ name: pan, ', `{ name: pan, ros: { name: waist${a} }, `).replace(
        '{ name: lift, ',
        `{ name: lift, ros: { name: waist${b} }, `,
      )}joint_states: { topics: [/a, /b] }\n`;
    expect(parseContract('/r.yaml', arms(', topic: /a', ', topic: /b')).joints).toMatchObject([
      { ros: { name: 'waist', topic: '/a' } },
      { ros: { name: 'waist', topic: '/b' } },
    ]);
    for (const [a, b] of [
      [', topic: /a', ', topic: /a'],
      ['', ', topic: /b'],
      [', topic: /a', ''],
    ] as const)
      expect(refusalOf(arms(a, b))).toContain(
        'joints[1].ros.name is "waist"; it must differ from the ROS names',
      );
    expect(refusalOf(arms(', topic: /a', ', topic: /c'))).toBe(
      '/r.yaml:6: joints[1].ros.topic is "/c"; it must be one of joint_states\' topics, /a, /b',
    );
  });

  const COMMANDS = 'commands:\n  - { topic: /a, type: std_msgs/msg/Float64MultiArray, joints: [pan] }\n';
  it.each([
    ['a joint that nobody commands', COMMANDS, 'it must command every joint; none has lift'],
    [
      'a joint that is none',
      COMMANDS.replace('[pan]', '[pan, elbow]'),
      'commands[0].joints[1] is "elbow"; it must be one of the joints pan, lift',
    ],
    [
      'a joint commanded twice',
      COMMANDS.replace('[pan]', '[pan, lift, pan]'),
      'commands[0].joints[2] is "pan"; it must not command pan again',
    ],
    [
      'both forms at once',
      `${COMMANDS.replace('[pan]', '[pan, lift]')}command: { topic: /b, type: sensor_msgs/msg/JointState }\n`,
      'it must be left out where there are commands',
    ],
    ['no topic of joint states', 'joint_states: { topics: [] }\n', 'joint_states'],
    [
      'steps that do not come to the instants of commands',
      'lockstep: { service: /w, step_s: 0.003 }\n',
      'lockstep.step_s is 0.003; it must divide the period of commands',
    ],
    ['an unknown reset', 'reset: { service: /r, type: std_srvs/srv/SetBool }\n', 'reset.type is'],
  ])('refuses %s', (_, more, message) => {
    expect(refusalOf(VALID + more)).toContain(message);
  });

  it('refuses a scale of 0', () => {
    const text = VALID.replace('{ name: lift, ', '{ name: lift, ros: { scale: 0 }, ');
    expect(refusalOf(text)).toBe('/r.yaml:6: joints[1].ros.scale is 0; it must not be 0');
  });
});

describe('the ready contracts', () => {
  const dir = path.dirname(SIM_ARM);
  it.each(readdirSync(dir))('%s is valid, and its limits and mappings make sense', async (file) => {
    const contract = await loadContract(path.join(dir, file));
    expect(contract.name).toBe(path.basename(file, '.yaml'));
    expect(contract.commands.flatMap(({ joints }) => joints).sort()).toEqual(
      contract.joints.map(({ name }) => name).sort(),
    );
    for (const joint of contract.joints) {
      const { scale, offset } = rosJoint(joint);
      // The whole range within a turn and a bit of a real joint, or 10 cm of a finger.
      const range = Math.abs((joint.max - joint.min) / scale);
      expect(range).toBeGreaterThan(0.03);
      expect(range).toBeLessThan(4.1 * Math.PI);
      expect(Number.isFinite(offset)).toBe(true);
      // Full speed is reached within half a second.
      expect(joint.velocity / joint.acceleration).toBeLessThan(0.5);
    }
  });
});
