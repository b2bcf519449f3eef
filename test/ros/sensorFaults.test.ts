/** A robot whose sensors fail, one after the other, under one policy node that goes on through all of it. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { temporaryFolder } from '../support/cli.js';
import { ros } from './ros.js';
import { expectHold, expectNoJump, type Faults, MAX_AGE_S, type Part, RATE_HZ, Scene } from './scene.js';
import { BUILD_TIMEOUT_MS, buildWorkspace } from './workspace.js';

const OK = 0;
const ERROR = 2;
const tmp = temporaryFolder();

if ('missing' in ros) console.warn(`sensors that fail are not tested: ${ros.missing}`);

describe.skipIf('missing' in ros)('the policy node', () => {
  let scene: Scene;
  beforeAll(async () => {
    scene = await Scene.set(await buildWorkspace(), tmp);
  }, BUILD_TIMEOUT_MS);
  afterAll(() => scene?.close());

  interface Case {
    readonly fault: string;
    readonly part: Part;
    readonly how: string;
    /** As /diagnostics calls the part, and what it says of it. */
    readonly name: string;
    readonly says: RegExp;
  }

  it.each<Case>([
    {
      fault: 'a camera that stops',
      part: 'wrist',
      how: 'off',
      name: 'camera wrist',
      says: /^camera wrist: nothing for \d+\.\d s$/,
    },
    {
      fault: 'joint states that stop',
      part: 'joints',
      how: 'off',
      name: 'joint states',
      says: /^joint states: nothing for \d+\.\d s$/,
    },
    {
      fault: 'images that change their size',
      part: 'wrist',
      how: 'size',
      name: 'camera wrist',
      says: /^camera wrist: its images are 40×30, in the robot contract 32×24; correct the contract or the camera's settings$/,
    },
    {
      fault: 'images that change their encoding',
      part: 'wrist',
      how: 'encoding',
      name: 'camera wrist',
      says: /^camera wrist: an image has the encoding "32FC1"; convert it to one of rgb8, /,
    },
    {
      fault: 'images whose CDR is cut off',
      part: 'wrist',
      how: 'cut cdr',
      name: 'camera wrist',
      says: /^camera wrist: an image cannot be read: /,
    },
    {
      fault: 'JPEGs that are cut off',
      part: 'head',
      how: 'cut jpeg',
      name: 'camera head',
      says: /^camera head: a JPEG image cannot be decoded: .*premature end of JPEG image$/,
    },
    {
      fault: 'joint states whose CDR is cut off',
      part: 'joints',
      how: 'cut cdr',
      name: 'joint states',
      says: /^joint states: not a sensor_msgs\/msg\/JointState: \d+ bytes are wanted where \d+ are left$/,
    },
    {
      fault: 'joint states that lack a joint',
      part: 'joints',
      how: 'lacking',
      name: 'joint states',
      says: /^joint states: there is no joint lift among pan, gripper$/,
    },
  ])(
    'holds on $fault, names the part, and goes on when it is well again',
    async ({ part, how, name, says }) => {
      const before = scene.commands().length;
      const said = scene.log.length;
      await scene.setGoing();
      const { [part]: last } = await scene.fail({ [part]: how } as Faults);
      await scene.says(name, ERROR, says);
      // The first control period that finds it too old brakes, and this arm stands within the next.
      expectHold(await scene.commandsOf((last as number) + MAX_AGE_S + 2 / RATE_HZ, 1));
      await scene.fail({ [part]: '' });
      await scene.says(name, OK, /^ok$/);
      await scene.moves();
      expect(await scene.stop()).toMatchObject({
        stop: 'interrupted',
        interventions: expect.arrayContaining(['hold_stale']),
      });
      expectNoJump(scene.commands().slice(before));
      // Once it is said; a machine that stalls has more to say, of every part, but not much more.
      const log = scene.log
        .slice(said)
        .split('\n')
        .filter((line) => line.includes(`${name.slice(1)} (/`));
      const warnings = log.filter((line) => line.includes('[WARN]')).length;
      const back = log.filter((line) => line.endsWith('is back.')).length;
      expect([warnings >= 1, warnings <= 3, back >= 1, back <= warnings]).not.toContain(false);
    },
  );

  it('finds joints by their names, in whatever order they come', async () => {
    const before = scene.commands().length;
    await scene.setGoing();
    await scene.fail({ joints: 'order' });
    await scene.commandsOf(scene.commands().at(-1)?.stamp as number, 1);
    await scene.stop();
    // A new episode begins where the joints are: one that were taken for another would jump.
    await scene.setGoing();
    expect((await scene.stop()).interventions).not.toContain('hold_stale');
    await scene.fail({ joints: '' });
    expectNoJump(scene.commands().slice(before));
  });

  it('refuses an episode when joint states lack a joint, naming it', async () => {
    await scene.fail({ joints: 'lacking' });
    await scene.begin();
    const { status, message, episodes } = await scene.result();
    await scene.fail({ joints: '' });
    expect(status).toBe(6);
    expect(message).toMatch(
      /^Joint states on \/joint_states cannot be used, there is no joint lift among pan, gripper; correct the names in the robot contract/,
    );
    expect(episodes).toEqual([]);
    await scene.says('lifecycle', OK, /^active$/);
  });
});
