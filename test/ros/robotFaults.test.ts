/** A robot, a policy or a graph that fails as a whole, in the middle of an episode. */
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { temporaryFolder } from '../support/cli.js';
import { ros } from './ros.js';
import { expectHold, expectNoJump, expectRest, RATE_HZ, Scene, type SceneOptions } from './scene.js';
import { BUILD_TIMEOUT_MS, buildWorkspace } from './workspace.js';

const OK = 0;
const WARN = 1;
const ERROR = 2;
const SUCCEEDED = 4;
const ABORTED = 6;
const tmp = temporaryFolder();

if ('missing' in ros) console.warn(`robots that fail are not tested: ${ros.missing}`);

describe.skipIf('missing' in ros)('the policy node', () => {
  let env: NodeJS.ProcessEnv;
  let scene: Scene | undefined;
  beforeAll(async () => {
    env = await buildWorkspace();
  }, BUILD_TIMEOUT_MS);
  afterEach(async () => {
    await scene?.close();
    scene = undefined;
  });
  const setScene = async (options?: SceneOptions) => {
    scene = await Scene.set(env, tmp, options);
    return scene;
  };

  it('holds while the robot is gone, and goes on when it is back', async () => {
    const scene = await setScene();
    await scene.setGoing();
    await scene.killArm();
    await scene.says('camera wrist', ERROR, /^camera wrist: nothing for \d+\.\d s/);
    await scene.says('joint states', ERROR, /^joint states: nothing for \d+\.\d s/);
    expectHold(await scene.commandsOf((scene.commands().at(-1)?.stamp as number) + 2 / RATE_HZ, 1));
    await scene.restartArm();
    await scene.says('camera wrist', OK, /^ok$/);
    await scene.says('joint states', OK, /^ok$/);
    await scene.moves();
    await scene.stop();
    // Its services are others' now.
    await scene.setGoing();
    await scene.stop();
    expectNoJump(scene.commands());
  });

  it('gives the episode up when the clock is set back, and runs the next', async () => {
    const scene = await setScene({ simTime: true });
    await scene.begin({ count: 2, time_limit: 20 });
    await scene.moves();
    await scene.setClock(-7);
    await scene.moves();
    const { status, episodes } = await scene.result();
    expect(status).toBe(SUCCEEDED);
    expect(episodes).toMatchObject([
      { stop: 'aborted', reason: expect.stringMatching(/^the clock was set back by [67]\.\d{3} s$/) },
      { stop: 'timeout' },
    ]);
    expectNoJump(scene.commands());
  });

  it('gives the episode up when the clock stands still, and brings the arm to rest', async () => {
    const scene = await setScene({ simTime: true });
    await scene.setGoing();
    await scene.killArm();
    expect((await scene.result()).episodes).toMatchObject([
      { stop: 'aborted', reason: expect.stringMatching(/^nothing has come on \/clock for \d\.\d s$/) },
    ]);
    await scene.says('clock', ERROR, /^time stands still: nothing comes on \/clock/);
    expectNoJump(scene.commands());
    expectRest(scene.commands());
  });

  it('gives the episode up when its inference thread dies, and runs the next with another', async () => {
    const preload = new URL('killWorkers.mjs', import.meta.url).href;
    const scene = await setScene({ env: { NODE_OPTIONS: `--import ${preload}` } });
    await scene.setGoing();
    scene.node.kill('SIGUSR2');
    expect((await scene.result()).episodes).toMatchObject([
      {
        stop: 'aborted',
        reason: expect.stringMatching(/^inference failed: the inference thread (ended|died)/),
      },
    ]);
    expectRest(scene.commands());
    await scene.begin({ time_limit: 3 });
    await scene.moves();
    expect(await scene.result()).toMatchObject({ status: SUCCEEDED, episodes: [{ stop: 'timeout' }] });
    expectNoJump(scene.commands());
  });

  it('is not driven beside another commander', async () => {
    const scene = await setScene();
    await scene.meddle('teleop', '/joint_commands');
    await scene.says('commands', ERROR, /^somebody else commands this robot: \/teleop on \/joint_commands$/);
    await scene.begin();
    const refused = await scene.result();
    expect(refused).toMatchObject({ status: ABORTED, episodes: [] });
    expect(refused.message).toMatch(
      /^Somebody else commands this robot: \/teleop on \/joint_commands; stop it, for two commanders make the arm jump\./,
    );
    expect(scene.commands()).toEqual([]);

    await scene.leave('teleop');
    await scene.says('commands', OK, /^ok$/);
    await scene.setGoing();
    await scene.meddle('teleop', '/joint_commands');
    await scene.says('commands', ERROR, /\/teleop/);
    await scene.stop();
    expect(scene.log).toMatch(/\[ERROR\].*Somebody else commands this robot: \/teleop on \/joint_commands\./);
    expectNoJump(scene.commands());
  });

  it('names those who publish the time, where they are several', async () => {
    const scene = await setScene({ simTime: true });
    await scene.says('clock', OK, /^ok$/);
    await scene.meddle('player', '/clock');
    await scene.says('clock', WARN, /^several nodes publish \/clock: (\/arm, \/player|\/player, \/arm)$/);
    await scene.leave('player');
    await scene.says('clock', OK, /^ok$/);
    expect(scene.log.match(/\[WARN\].*Several nodes publish \/clock/g)).toHaveLength(1);
  });

  it.each(['SIGINT', 'SIGTERM'] as const)('brings the arm to rest at %s', async (signal) => {
    const scene = await setScene();
    await scene.setGoing();
    scene.node.kill(signal);
    const { code, stderr } = await scene.ended;
    expect(code).toBe(0);
    expect(stderr).toContain('Ending: the arm is brought to rest');
    expect(stderr).toContain('Stopped: the program was ended.');
    expectNoJump(scene.commands());
    expectRest(scene.commands());
  });

  it('does not wait at SIGINT for a robot that takes its time to reset', async () => {
    const scene = await setScene();
    await scene.fail({ reset: 'slow' });
    await scene.begin();
    await scene.says('lifecycle', OK, /^active$/, { run: 'resetting' });
    const began = performance.now();
    scene.node.kill('SIGINT');
    const { code, stderr } = await scene.ended;
    expect(performance.now() - began).toBeLessThan(10_000);
    expect(code).toBe(0);
    expect(stderr).toContain('interrupted');
    expect(scene.commands()).toEqual([]);
  });
});
