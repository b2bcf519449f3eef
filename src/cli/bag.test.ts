import { truncateSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { message, writeMcap, writeSqlite } from '../../test/support/bags.js';
import { temporaryFolder } from '../../test/support/cli.js';
import { noInterventions } from '../act/interventions.js';
import { UserError } from '../errors.js';
import { encode } from '../messages/cdr.js';
import { type EpisodeInfo, INFO_RECORD, TOPICS } from '../record/episode.js';
import { encodeInfo } from '../record/info.js';
import { bagCommand } from './bag.js';

const root = temporaryFolder();
afterEach(() => vi.restoreAllMocks());

async function run(...args: string[]): Promise<string> {
  const write = vi.spyOn(process.stdout, 'write').mockReturnValue(true);
  try {
    await bagCommand().parseAsync(args, { from: 'user' });
    return write.mock.calls.map(([chunk]) => chunk).join('');
  } finally {
    write.mockRestore();
  }
}

const TENTH = 100_000_000n;
const messages = Array.from({ length: 21 }, (_, i) =>
  message(i % 2 === 0 ? '/a' : '/b', BigInt(i) * TENTH, i),
);

const info: EpisodeInfo = {
  source: 'rollout',
  lockstep: true,
  contract: { file: 'a.yaml', text: '' },
  task: 'pick_lift',
  seed: 12,
  policy: {
    name: 'best',
    graphSha256: '0123456789abcdef',
    strategy: { name: 'latest' },
    provider: 'cpu',
    timeLimitS: 20,
  },
  images: 'raw',
  software: {},
};
const result = {
  seed: 12,
  success: false,
  return: 9,
  highest_reward: 3,
  steps: 40,
  duration_s: 2,
  stop: 'aborted',
  reason: 'the policy failed',
  safety: noInterventions(),
  max_camera_skew_s: 0,
  wall: {
    seconds: 1,
    latency_ms: null,
    run_ms: null,
    overhead_ms: null,
    reaction_ms: null,
    missed_ticks: 0,
    missed_commands: 0,
    dropped_observations: 0,
    spent_chunks: 0,
  },
};

async function episode(name: string): Promise<string> {
  const data = encode('std_msgs/msg/String', { data: JSON.stringify(result) });
  const last = {
    topic: TOPICS.result,
    type: 'std_msgs/msg/String',
    logTime: 20n * TENTH,
    publishTime: 0n,
    data,
  };
  return writeMcap(join(root, name), [...messages, last], {
    chunkSize: 200,
    metadata: { [INFO_RECORD]: { json: encodeInfo(info) } },
  });
}

describe('saccade bag info', () => {
  it('says in aligned text what a recording holds', async () => {
    const path = await episode('one.mcap');
    expect(await run('info', path)).toBe(`bag       ${path}
storage   mcap, 1 file
duration  2.000 s
messages  22
episode   rollout, task pick_lift, seed 12, policy best (0123456789ab, latest), lockstep, raw images
result    aborted (the policy failed), return 9, highest reward 3, 40 steps

topic            type                  messages   Hz
---------------  --------------------  --------  ---
/a               std_msgs/msg/Float32        11  5.0
/b               std_msgs/msg/Float32        10  4.5
/saccade/result  std_msgs/msg/String          1
`);
  });

  it('says what is wrong with one', async () => {
    const path = await episode('cut.mcap');
    truncateSync(path, 1500);
    const text = await run('info', path);
    expect(text).toMatch(/^damage +.*cut short or damaged at byte \d+ of 1500; what comes before is read$/m);
    expect(text).toMatch(/^messages +[1-9]\d*$/m);
    expect(text).not.toMatch(/^result/m);
  });

  it('prints one JSON object for all of them', async () => {
    const today = 1_795_000_000_123_456_789n;
    const other = await writeSqlite(join(root, 'two.db3'), [message('/a', today, 1)]);
    const { bags } = JSON.parse(await run('info', await episode('two.mcap'), other, '--json'));
    expect(bags).toEqual([
      expect.objectContaining({
        storage: 'mcap',
        episode: info,
        result,
        damage: null,
        duration_s: 2,
        start_ns: '0',
      }),
      {
        path: other,
        storage: 'sqlite3',
        files: [other],
        start_ns: String(today),
        duration_s: 0,
        messages: 1,
        topics: [{ name: '/a', type: 'std_msgs/msg/Float32', messages: 1, rate_hz: null }],
        episode: null,
        result: null,
        damage: null,
      },
    ]);
    expect(await run('info', other)).toContain('start     2026-11-18T');
  });

  it('refuses what is no recording', async () => {
    await expect(run('info', join(root, 'absent'))).rejects.toThrow(UserError);
  });
});

describe('saccade bag recover', () => {
  it('writes beside the original, and says what was lost', async () => {
    const path = await episode('broken.mcap');
    truncateSync(path, 1500);
    const text = await run('recover', path);
    expect(text).toMatch(/^recovered +\d+ messages\nlost +.*cut short.*\nwritten +.*broken_recovered\n$/);
    const recovered = join(root, 'broken_recovered');
    expect(await run('info', recovered)).not.toContain('damage');
    await expect(run('recover', path)).rejects.toThrow(/exists already/);
  });

  it('takes a folder of its own, prints JSON, and copies a whole recording whole', async () => {
    const path = await episode('whole.mcap');
    const out = join(root, 'copy');
    expect(JSON.parse(await run('recover', path, '--out', out, '--json'))).toEqual({
      path,
      out,
      messages: 22,
      end_ns: '2000000000',
      problems: [],
    });
    expect(await run('recover', `${out}/`)).toContain(`${out}_recovered`);
  });
});
