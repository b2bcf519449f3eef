/** The launch file, with a real Gazebo: episodes in lockstep and in real time, and a Gazebo that dies. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import type { EpisodeResult } from '../../src/episode/episode.js';
import { openEpisode } from '../../src/record/openEpisode.js';
import { finished, printed, start } from '../ros/ros.js';
import { BUILD_TIMEOUT_MS, buildWorkspace } from '../ros/workspace.js';
import { temporaryFolder } from '../support/cli.js';
import { gazebo } from './sourced.js';

const tmp = temporaryFolder();

if ('missing' in gazebo) console.warn(`gazebo.launch.py is not run: ${gazebo.missing}`);

describe.skipIf('missing' in gazebo)('gazebo.launch.py', () => {
  let env: NodeJS.ProcessEnv;
  beforeAll(async () => {
    if ('env' in gazebo) env = await buildWorkspace(gazebo.env);
  }, BUILD_TIMEOUT_MS);

  function launch(name: string, options: Readonly<Record<string, string | number | boolean>>) {
    const dir = join(tmp, name);
    const given = Object.entries({ record_dir: dir, ...options }).map(([key, value]) => `${key}:=${value}`);
    return { dir, child: start('ros2', ['launch', 'saccade', 'gazebo.launch.py', ...given], { env }) };
  }

  it('runs episodes in lockstep, records each, and ends by itself', async () => {
    const { dir, child } = launch('lockstep', { episodes: 2, lockstep: true, rtf: 2 });
    const { code, stdout, stderr } = await finished(child);
    expect(code, stdout + stderr).toBe(0);
    expect(stdout + stderr).toMatch(/2 episodes: success rate \d+/);
    const [run] = readdirSync(dir);
    const results: EpisodeResult[] = readFileSync(join(dir, run as string, 'results.jsonl'), 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(results.map(({ seed }) => seed)).toEqual([1, 2]);
    for (const { bag, safety, wall } of results) {
      expect(wall.missed_ticks).toBe(0);
      expect(safety.hold_stale).toBe(0);
      const episode = await openEpisode(join(dir, run as string, bag as string));
      let frames = 0;
      for await (const { kind } of episode.events(new Set(['frame']))) if (kind === 'frame') frames++;
      expect(frames).toBeGreaterThan(30);
      await episode.close();
    }
  }, 600_000);

  it('ends, and says so, when Gazebo dies', async () => {
    const { child } = launch('dies', { episodes: 5, lockstep: true, rtf: 2 });
    const ended = finished(child);
    const server = /\[gazebo-\d+\]: process started with pid \[(\d+)\]/;
    let said = '';
    child.stderr?.on('data', (text: string) => {
      said += text;
    });
    child.stdout?.on('data', (text: string) => {
      said += text;
    });
    await printed(child, ' steps.');
    process.kill(Number(server.exec(said)?.[1]), 'SIGKILL');
    const { code, stdout, stderr } = await ended;
    expect(code).not.toBe(0);
    expect(stdout + stderr).toMatch(/gazebo ended before the episodes were done/);
  }, 600_000);
});
