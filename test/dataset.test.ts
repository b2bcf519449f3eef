/** Bags to dataset, from end to end: the built program, real bags, and what a reader finds. */
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { asyncBufferFromFile, parquetReadObjects } from 'hyparquet';
import sharp from 'sharp';
import { beforeAll, describe, expect, it } from 'vitest';
import { loadContract } from '../src/contract/load.js';
import { rawImage } from '../src/messages/image.js';
import type { EpisodeEvent } from '../src/record/episode.js';
import { openEpisode } from '../src/record/openEpisode.js';
import { ROBOT, saccade, temporaryFolder } from './support/cli.js';
import { writeBundle } from './support/onnx.js';

const tmp = temporaryFolder();
const demos = join(tmp, 'demos');
const failures = join(tmp, 'failures');
const out = join(tmp, 'dataset');
const contract = await loadContract(ROBOT);
const CAMERAS = contract.cameras.map(({ name }) => name);
const JOINTS = contract.joints.map(({ name }) => name);
const TASK = 'pick up the cube and hold it up';
const ffmpeg = spawnSync('ffmpeg', ['-hide_banner', '-encoders']).stdout?.toString().includes('libsvtav1');

const exported = (...args: string[]) => saccade(['dataset', 'export', ...args]);

async function rowsOf(dir: string, columns?: string[]) {
  const file = await asyncBufferFromFile(join(dir, 'data/chunk-000/file-000.parquet'));
  return parquetReadObjects({ file, utf8: false, ...(columns && { columns }) });
}

/** Every file's hash, by relative path. */
function contents(dir: string): Record<string, string> {
  const files = readdirSync(dir, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const paths = files.map((entry) => join(entry.parentPath ?? entry.path, entry.name));
  const hash = (path: string) => createHash('sha256').update(readFileSync(path)).digest('hex');
  return Object.fromEntries(paths.map((path) => [path.slice(dir.length), hash(path)]));
}

beforeAll(async () => {
  const policy = writeBundle(join(tmp, 'idle'), { name: 'idle', bias: [0.05, 0, 0, 0, 0, 0, 0] }).dir;
  const rollout = [
    'rollout',
    '--robot',
    ROBOT,
    '--policy',
    policy,
    '--task',
    'pick_lift',
    '--time-limit',
    '0.5',
  ];
  const runs = [
    await saccade(['demos', '--episodes', '3', '--seed', '300000', '--out', demos]),
    await saccade([...rollout, '--episodes', '1', '--seed', '300010', '--out', failures]),
    await exported(join(demos, 'bags'), '--out', out, '--json'),
  ];
  expect(runs.map(({ code, stderr }) => (code === 0 ? 0 : stderr))).toEqual([0, 0, 0]);
}, 120_000);

describe('saccade dataset export', () => {
  it('makes a dataset equal to its bags, frame for frame and number for number', async () => {
    const rows = await rowsOf(out);
    let index = 0;
    for (const [e, seed] of [300000, 300001, 300002].entries()) {
      const bag = await openEpisode(join(demos, 'bags', `episode_${seed}`));
      // What is in the bag, by tick: taken from its messages, not through the exporter's way.
      const at = new Map<string, EpisodeEvent>();
      for await (const event of bag.events()) {
        const time = event.kind === 'reward' ? event.at : 'time' in event ? event.time : undefined;
        const source = event.kind === 'frame' ? event.camera : event.kind;
        if (time !== undefined) at.set(`${source} ${Math.round(time * 20)}`, event);
      }
      await bag.close();
      const steps = bag.result?.steps as number;
      expect(steps).toBeGreaterThan(20);
      for (let n = 0; n < steps; n++, index++) {
        const row = rows[index] as Record<string, unknown>;
        const joints = at.get(`joints ${n}`);
        const action = at.get(`action ${n}`);
        const reward = at.get(`reward ${n + 1}`);
        expect(row).toMatchObject({
          'observation.state': joints?.kind === 'joints' && Array.from(joints.positions),
          action: action?.kind === 'action' && Array.from(action.positions),
          'next.reward': reward?.kind === 'reward' && reward.reward,
          'next.success': n === steps - 1,
          'next.done': n === steps - 1,
          timestamp: Math.fround(n / 20),
          frame_index: BigInt(n),
          episode_index: BigInt(e),
          index: BigInt(index),
          task_index: 0n,
        });
        for (const camera of CAMERAS) {
          const frame = at.get(`${camera} ${n}`);
          const pixels = frame?.kind === 'frame' ? rawImage(frame.image.data).data : undefined;
          const { bytes } = row[`observation.images.${camera}`] as { bytes: Uint8Array };
          const png = await sharp(bytes).raw().toBuffer();
          expect(png.equals(pixels as Uint8Array), `${camera}, tick ${n} of ${seed}`).toBe(true);
        }
      }
    }
    expect(rows).toHaveLength(index);
  });

  it('says what it is a dataset of', () => {
    const info = JSON.parse(readFileSync(join(out, 'meta/info.json'), 'utf8'));
    expect(info).toMatchObject({
      codebase_version: 'v3.0',
      robot_type: 'sim_arm',
      fps: 20,
      total_episodes: 3,
    });
    const saccadeInfo = JSON.parse(readFileSync(join(out, 'meta/saccade.json'), 'utf8'));
    expect(saccadeInfo).toMatchObject({
      rate_hz: 20,
      robot: { file: 'sim_arm.yaml', text: readFileSync(ROBOT, 'utf8') },
      joints: JOINTS,
      episodes: [300000, 300001, 300002].map((seed) => ({
        bag: `episode_${seed}`,
        source: 'demos',
        seed,
        success: true,
        stop: 'success',
      })),
    });
    expect(saccadeInfo.cameras.map(({ role }: { role: string }) => role)).toEqual(
      contract.cameras.map(({ role }) => role),
    );
  });

  it('makes the same files of the same bags, and leaves nothing beside them', async () => {
    const again = join(tmp, 'again');
    mkdirSync(again);
    const run = await exported(join(demos, 'bags'), '--out', again, '--json');
    const frames = (await rowsOf(again, ['index'])).length;
    expect(JSON.parse(run.stdout)).toEqual({
      ...{ out: again, episodes: 3, frames },
      left_out: { failed: 0, no_verdict: 0, incomplete: 0 },
    });
    expect(contents(again)).toEqual(contents(out));
    expect(existsSync(`${again}.unfinished`)).toBe(false);
  });

  it('takes bags one by one, at the sizes and with the task it is told', async () => {
    const small = join(tmp, 'small');
    const bag = join(demos, 'bags/episode_300001');
    const sizes = ['--size', '48x48', '--size', 'head=64x40'];
    const { code, stdout } = await exported(bag, '--out', small, ...sizes, '--task', 'grasp');
    expect(code).toBe(0);
    expect(stdout).toMatch(/^1 episodes?, \d+ frames in /);
    const info = JSON.parse(readFileSync(join(small, 'meta/info.json'), 'utf8'));
    expect(CAMERAS.map((camera) => info.features[`observation.images.${camera}`].shape)).toEqual([
      [48, 48, 3],
      [48, 48, 3],
      [40, 64, 3],
    ]);
    const inspected = await saccade(['dataset', 'inspect', small, '--json']);
    expect(JSON.parse(inspected.stdout)).toMatchObject({ episodes: 1, tasks: ['grasp'], problems: [] });
  });

  it('leaves out episodes that failed, unless told to take all', async () => {
    const [good, all] = [join(tmp, 'good'), join(tmp, 'all')];
    const bags = [join(demos, 'bags'), join(failures, 'bags')];
    const some = await exported(...bags, '--out', good);
    expect(some.stdout).toMatch(/^3 episodes, \d+ frames in .*; left out: 1 failed\n$/);
    const run = await exported(...bags, '--out', all, '--all', '--json');
    expect(JSON.parse(run.stdout)).toMatchObject({ episodes: 4, left_out: { failed: 0 } });
    const last = (await rowsOf(all, ['episode_index', 'next.success'])).filter(
      (row) => row.episode_index === 3n,
    );
    // Half a second at 20 Hz.
    expect(last).toHaveLength(10);
    expect(last.some((row) => row['next.success'])).toBe(false);
    const none = await exported(join(failures, 'bags'), '--out', join(tmp, 'none'));
    expect(none.code).toBe(2);
    expect(none.stderr).toMatch(
      /none of the 1 bags named is of an episode that succeeded \(1 failed, 0 do not say\)/,
    );
  });

  it('takes what can be read of a bag that was cut short, when asked for all', async () => {
    const cut = join(tmp, 'cut_bags');
    const name = 'episode_300002';
    cpSync(join(demos, 'bags', name), join(cut, name), { recursive: true });
    const file = join(cut, name, `${name}_0.mcap`);
    const bytes = readFileSync(file);
    writeFileSync(file, bytes.subarray(0, Math.floor(bytes.length / 2)));
    const refused = await exported(cut, '--out', join(tmp, 'cut'));
    expect(refused.stderr).toMatch(/\(0 failed, 1 do not say\)/);
    const { code, stderr } = await exported(cut, '--out', join(tmp, 'cut'), '--all');
    expect(code).toBe(0);
    expect(stderr).toMatch(/warn: episode_300002 is not whole: /);
    const rows = await rowsOf(join(tmp, 'cut'), ['observation.state', 'action', 'next.success']);
    const whole = (await rowsOf(out, ['observation.state', 'action', 'episode_index'])).filter(
      (row) => row.episode_index === 2n,
    );
    expect(rows.length).toBeGreaterThan(5);
    expect(rows.length).toBeLessThan(whole.length);
    for (const [n, row] of rows.entries())
      expect(row).toEqual({
        'observation.state': whole[n]?.['observation.state'],
        action: whole[n]?.action,
        'next.success': false,
      });
  });

  it.skipIf(!ffmpeg)('makes videos of the same pictures, through ffmpeg', async () => {
    const videos = join(tmp, 'videos');
    const { code, stderr } = await exported(join(demos, 'bags'), '--out', videos, '--videos');
    expect([code, stderr.includes('error')]).toEqual([0, false]);
    const inspected = await saccade(['dataset', 'inspect', videos, '--json']);
    expect(JSON.parse(inspected.stdout)).toMatchObject({ episodes: 3, problems: [] });

    const images = await rowsOf(out, ['observation.images.head', 'episode_index']);
    const path = join(videos, 'videos/observation.images.head/chunk-000/file-000.mp4');
    const args = ['-loglevel', 'error', '-i', path, '-f', 'rawvideo', '-pix_fmt', 'rgb24', '-'];
    const decoded = execFileSync('ffmpeg', args, { maxBuffer: 2 ** 28 });
    const bytes = 96 * 96 * 3;
    expect(decoded.length).toBe(images.length * bytes);
    const image = (n: number) => {
      const { 'observation.images.head': stored } = images[n] as Record<string, { bytes: Uint8Array }>;
      return stored?.bytes;
    };
    for (const n of [0, 1, 30, images.length - 1]) {
      const png = await sharp(image(n)).raw().toBuffer();
      const frame = decoded.subarray(n * bytes, (n + 1) * bytes);
      const squares = png.reduce((sum, value, i) => sum + (value - (frame[i] as number)) ** 2, 0);
      expect(10 * Math.log10(255 ** 2 / (squares / bytes)), `PSNR of frame ${n}`).toBeGreaterThan(25);
    }
    const file = await asyncBufferFromFile(join(videos, 'meta/episodes/chunk-000/file-000.parquet'));
    const episodes = await parquetReadObjects({ file });
    const lengths = [0n, 1n, 2n].map((e) => images.filter((row) => row.episode_index === e).length) as [
      number,
      number,
      number,
    ];
    expect(episodes[1]?.['videos/observation.images.head/from_timestamp']).toBeCloseTo(lengths[0] / 20, 12);
    expect(episodes[1]?.['videos/observation.images.head/to_timestamp']).toBeCloseTo(
      (lengths[0] + lengths[1]) / 20,
      12,
    );
    expect(
      JSON.stringify((await rowsOf(videos))[0], (_, v) => (typeof v === 'bigint' ? Number(v) : v)),
    ).not.toContain('images');
  });

  it('refuses a folder that holds something, and leaves it alone', async () => {
    const before = contents(out);
    const { code, stderr } = await exported(join(demos, 'bags'), '--out', out);
    expect(code).toBe(2);
    expect(stderr).toContain(`--out ${out} is not empty: name a new folder`);
    expect(contents(out)).toEqual(before);
  });

  it('refuses to go on where another export was stopped', async () => {
    const stopped = join(tmp, 'stopped');
    mkdirSync(`${stopped}.unfinished`);
    const { code, stderr } = await exported(join(demos, 'bags'), '--out', stopped);
    expect(code).toBe(2);
    expect(stderr).toContain(`${stopped}.unfinished is what an export left that was stopped: remove it`);
  });

  it('refuses bags of different robots, naming the two', async () => {
    const slow = join(tmp, 'slow.yaml');
    const text = readFileSync(ROBOT, 'utf8').replace('rate_hz: 20', 'rate_hz: 10');
    writeFileSync(slow, text.replace('../scenes/tabletop.xml', contract.sim?.scene as string));
    const other = join(tmp, 'other');
    const policy = join(tmp, 'slow_idle');
    writeBundle(policy, { name: 'slow_idle', bias: [0, 0, 0, 0, 0, 0, 0] });
    const manifest = join(policy, 'policy.yaml');
    writeFileSync(manifest, readFileSync(manifest, 'utf8').replace(/rate_hz: 20/, 'rate_hz: 10'));
    const rollout = [
      'rollout',
      '--robot',
      slow,
      '--policy',
      policy,
      '--task',
      'pick_lift',
      '--time-limit',
      '0.3',
    ];
    expect(await saccade([...rollout, '--episodes', '1', '--out', other])).toMatchObject({ code: 0 });
    const never = join(tmp, 'never');
    const { code, stderr } = await exported(
      join(demos, 'bags'),
      join(other, 'bags'),
      '--all',
      '--out',
      never,
    );
    expect(code).toBe(2);
    expect(stderr).toMatch(
      /bags .*episode_300000 and .*episode_000001 are of different robots \(rate_hz: 20; 10\): export them apart/,
    );
    expect(existsSync(never)).toBe(false);
  });

  it.each([
    [
      'a size without a side',
      ['--size', '96'],
      /--size must be <width>x<height> or <camera>=<width>x<height>.*not '96'/,
    ],
    ['a size of nothing', ['--size', '0x96'], /--size must be .*not '0x96'/],
    [
      'a camera that is not there',
      ['--size', 'tail=8x8'],
      /camera 'tail', which the robot does not have: its cameras are wrist_detail/,
    ],
    ['a robot file that is not there', ['--robot', '/nowhere.yaml'], /\/nowhere\.yaml/],
    ['a folder that cannot be made', ['--out', '/proc/nope'], /--out \/proc\/nope cannot be written/],
  ])('refuses %s', async (_, args, message) => {
    const never = join(tmp, 'never');
    const { code, stderr } = await exported(join(demos, 'bags'), '--out', never, ...args);
    expect(code).toBe(2);
    expect(stderr).toMatch(message);
    expect(existsSync(never)).toBe(false);
  });

  it('stops at Ctrl-C, exits 130 and leaves nothing behind', async () => {
    const bags = join(tmp, 'many');
    for (let i = 0; i < 12; i++)
      cpSync(join(demos, 'bags/episode_300000'), join(bags, `copy_${i}`), { recursive: true });
    const stopped = join(tmp, 'interrupted');
    const { code, stdout } = await saccade(['dataset', 'export', bags, '--out', stopped], {
      interruptAt: 'Exporting 12 bags',
    });
    expect([code, stdout]).toEqual([130, '']);
    expect([existsSync(stopped), existsSync(`${stopped}.unfinished`)]).toEqual([false, false]);
    rmSync(bags, { recursive: true });
  });
});

describe('saccade dataset inspect', () => {
  it('says what a dataset holds, in words', async () => {
    const { code, stdout } = await saccade(['dataset', 'inspect', out]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^dataset +.*dataset, LeRobotDataset v3\.0$/m);
    expect(stdout).toMatch(/^episodes +3, \d+ frames, .* at 20 Hz$/m);
    expect(stdout).toMatch(/^successes +100\.0 %$/m);
    expect(stdout).toContain(TASK);
    expect(stdout).toMatch(/^observation\.images\.head +image +96×96×3$/m);
    expect(stdout).toMatch(/^action gripper( +-?\d+\.\d{4}){4}$/m);
    expect(stdout).toContain('Whole: ');
  });

  it('exits 1 and says what is wrong with one that is not whole', async () => {
    const broken = join(tmp, 'broken');
    cpSync(out, broken, { recursive: true });
    rmSync(join(broken, 'meta/stats.json'));
    const { code, stdout } = await saccade(['dataset', 'inspect', broken]);
    expect(code).toBe(1);
    expect(stdout).toMatch(/One thing is wrong:\n {2}meta\/stats\.json cannot be read/);
  });

  it('exits 2 where there is no dataset', async () => {
    const { code, stderr } = await saccade(['dataset', 'inspect', tmp]);
    expect(code).toBe(2);
    expect(stderr).toContain('is no LeRobotDataset');
  });
});
