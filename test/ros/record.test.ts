/** `saccade record` on a real ROS 2: what was published, through the middleware, into bags, message for message. */
import { existsSync, mkdtempSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { decode } from '../../src/messages/cdr.js';
import { decodeImage } from '../../src/messages/image.js';
import type { BagMessage } from '../../src/record/bag.js';
import { TOPICS } from '../../src/record/episode.js';
import { openEpisode } from '../../src/record/openEpisode.js';
import { ROOT, temporaryFolder } from '../support/cli.js';
import { expectRunOf, messagesOf } from './bags.js';
import { AbsentRobot } from './robot.js';
import { finished, printed, ros, start } from './ros.js';

const MAIN = join(ROOT, 'dist/cli/main.js');
const tmp = temporaryFolder();

describe('saccade record without ROS 2', () => {
  it('says in one sentence what to source, and writes nothing', async () => {
    const { AMENT_PREFIX_PATH: _, ROS_DISTRO: __, ...bare } = process.env;
    const out = join(tmp, 'bare');
    const robot = join(ROOT, 'config/robots/sim_arm.yaml');
    const { code, stderr } = await finished(
      start(process.execPath, [MAIN, 'record', '--robot', robot, '--out', out], { env: bare }),
    );
    expect(code).toBe(2);
    expect(stderr).toBe(
      'error: ROS 2 is not sourced: run `source /opt/ros/jazzy/setup.bash` in this shell first\n',
    );
    expect(existsSync(out)).toBe(false);
  });
});

if ('missing' in ros) console.warn(`saccade record is not tested on ROS 2: ${ros.missing}`);

describe.skipIf('missing' in ros)('saccade record on ROS 2', () => {
  let robot: AbsentRobot;
  beforeAll(async () => {
    robot = await AbsentRobot.start(mkdtempSync(join(tmp, 'robot-')));
  });
  afterAll(() => robot?.stop());

  const record = (...args: string[]) =>
    start(process.execPath, [MAIN, 'record', '--robot', robot.contract, '--json', ...args]);

  it('gives up on a topic that nobody publishes, and leaves nothing behind', async () => {
    const out = join(tmp, 'missing');
    await robot.mute('/leader/joint_states');
    const { code, stdout, stderr } = await finished(record('--out', out, '--timeout', '2'));
    await robot.unmute('/leader/joint_states');
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(
      /after 2 s nothing has come from \/leader\/joint_states \(commands: published, but nothing of use has come\)/,
    );
    expect(existsSync(out)).toBe(false);
  });

  it('names a required topic that died, and fails', async () => {
    const out = join(tmp, 'died');
    const running = finished(record('--out', out, '--episodes', '1'));
    await robot.call('start').then(() => robot.call('discard'));
    await robot.mute('/joint_states');
    await robot.ticks(2);
    await robot.call('start');
    await robot.ticks(5);
    expect((await robot.call('success')).message).toMatch(/NOTHING came from \/joint_states\./);
    await robot.unmute('/joint_states');
    const { code, stderr } = await running;
    expect(code).toBe(1);
    expect(stderr).toMatch(/\/joint_states \(joint states\): delivered nothing/);
  });

  it('makes actions of joints when asked to, keeps the running episode at Ctrl-C, and goes on numbering', async () => {
    const out = join(tmp, 'by-hand');
    await robot.mute('/leader/joint_states');
    const first = finished(record('--out', out, '--action-from', 'joints', '--episodes', '1'));
    await robot.call('start');
    await robot.ticks(20);
    await robot.call('failure');
    expect((await first).code).toBe(0);

    const child = record('--out', out, '--action-from', 'joints');
    const second = finished(child);
    await robot.call('start');
    await robot.ticks(10);
    child.kill('SIGINT');
    const { code, stdout } = await second;
    await robot.unmute('/leader/joint_states');
    expect(code).toBe(130);
    expect(JSON.parse(stdout).episodes).toMatchObject([{ bag: 'bags/episode_000001', stop: 'interrupted' }]);
    expect(readdirSync(join(out, 'bags')).sort()).toEqual(['episode_000000', 'episode_000001']);

    const episode = await openEpisode(join(out, 'bags/episode_000000'));
    const joints: { time: number; positions: Float32Array }[] = [];
    const actions: typeof joints = [];
    for await (const event of episode.events(new Set(['joints', 'action'])))
      if (event.kind === 'joints') joints.push(event);
      else if (event.kind === 'action') actions.push(event);
    await episode.close();
    expect(actions.length).toBeGreaterThan(10);
    for (const action of actions) {
      const later = joints.find(({ time }) => Math.abs(time - (action.time + 1 / 20)) < 1e-5);
      expect(later?.positions).toEqual(action.positions);
    }
  });

  it('is led by keys on a terminal', async () => {
    const out = join(tmp, 'keys');
    const command = `"${process.execPath}" "${MAIN}" record --robot "${robot.contract}" --out "${out}"`;
    // util-linux's script gives it a terminal, and hands on what is written to its own stdin.
    const terminal = start('script', ['-qefc', command, '/dev/null']);
    const ended = finished(terminal);
    const press = async (key: string, answer: string) => {
      terminal.stdin?.write(key);
      await printed(terminal, answer);
    };
    await printed(terminal, 'q quit.');
    await press('s', 'There is no episode to label');
    await press(' ', 'Recording bags/episode_000000.');
    await press('d', 'bags/episode_000000 is discarded.');
    await press('\r', 'Recording bags/episode_000000.');
    await robot.ticks(5);
    await press(' ', 'say success, failure or discard');
    await press('s', 'bags/episode_000000 is kept as success');
    await press('q', '1 episode (1 success, 0 failure, 1 discarded)');
    expect((await ended).code).toBe(0);
    expect(readdirSync(join(out, 'bags'))).toEqual(['episode_000000']);
  });

  // The last of this robot, for it silences it.
  it('keeps two episodes, called by service, message for message', async () => {
    const out = join(tmp, 'two');
    const running = finished(
      record(
        '--out',
        out,
        '--task',
        'put it there',
        '--images',
        'raw',
        '--topic',
        '/tf_static',
        '--episodes',
        '2',
      ),
    );
    expect(await robot.call('start')).toEqual({ success: true, message: 'Recording bags/episode_000000.' });
    expect((await robot.call('start')).success).toBe(false);
    await robot.ticks(40);
    expect((await robot.call('stop')).success).toBe(true);
    await robot.ticks(5);
    expect((await robot.call('success')).message).toMatch(
      /^bags\/episode_000000 is kept as success, \d\.\d s\.$/,
    );
    await robot.call('start');
    await robot.ticks(30);
    await robot.call('failure');
    const { code, stdout } = await running;
    expect(code).toBe(0);

    const published = await robot.published();
    const summary = JSON.parse(stdout);
    expect(summary.episodes).toMatchObject([
      { bag: 'bags/episode_000000', success: true, dropped_images: {} },
      { bag: 'bags/episode_000001', success: false, dropped_images: {} },
    ]);
    for (const [i, ticks] of [40, 30].entries()) {
      const path = join(out, summary.episodes[i].bag);
      const messages = await messagesOf(path);
      for (const topic of [
        '/wrist/image_raw',
        '/head/image_raw/compressed',
        '/joint_states',
        '/leader/joint_states',
      ]) {
        const kept = messages.get(topic) ?? [];
        expect(kept.length, topic).toBeGreaterThanOrEqual(ticks - 1);
        expectRunOf(kept, topic, published);
      }
      expectRunOf(messages.get('/tf_static') ?? [], '/tf_static', published);
      const rewards = messages.get('/reward')?.map(({ data }) => decode('std_msgs/msg/Float32', data).data);
      expect(rewards).toEqual(i === 0 ? [0, 1] : [0]);

      const episode = await openEpisode(path);
      expect(episode.info).toMatchObject({
        source: 'record',
        lockstep: false,
        task: 'put it there',
        images: 'raw',
      });
      expect(episode.contract.name).toBe('absent_arm');
      expect(episode.result).toMatchObject({
        success: i === 0,
        stop: i === 0 ? 'success' : 'failure',
        return: 1 - i,
      });
      const span = [...messages.values()].flat().map(({ logTime }) => logTime);
      const seconds = span.map((ns) => Number(ns - (span[0] as bigint)) / 1e9);
      expect(Math.max(...seconds) - Math.min(...seconds)).toBeLessThan(
        (episode.result?.duration_s as number) + 1,
      );
      await episode.close();
    }
  });

  it('makes JPEG of raw images, and leaves compressed ones alone', async () => {
    const other = await AbsentRobot.start(mkdtempSync(join(tmp, 'robot-')));
    try {
      const out = join(tmp, 'jpeg');
      const running = finished(record('--out', out, '--episodes', '1'));
      await other.call('start');
      await other.ticks(10);
      await other.call('success');
      expect((await running).code).toBe(0);
      const messages = await messagesOf(join(out, 'bags/episode_000000'));
      expect([...messages.keys()].sort()).toEqual(
        [
          '/head/image_raw/compressed',
          '/joint_states',
          '/leader/joint_states',
          '/reward',
          TOPICS.result,
        ].concat('/wrist/image_raw/compressed'),
      );
      expectRunOf(
        messages.get('/head/image_raw/compressed') ?? [],
        '/head/image_raw/compressed',
        await other.published(),
      );
      const [wrist] = messages.get('/wrist/image_raw/compressed') as [BagMessage];
      const { width, height } = await decodeImage('sensor_msgs/msg/CompressedImage', wrist.data);
      expect([width, height]).toEqual([32, 24]);
    } finally {
      await other.stop();
    }
  });
});
