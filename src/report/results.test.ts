import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { UserError } from '../errors.js';
import { ResultsFolder } from './results.js';

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'saccade-results-'));
});
afterEach(() => rm(root, { recursive: true }));

describe('ResultsFolder', () => {
  it('ends with results and summary, in the order given, and nothing else', async () => {
    const dir = join(root, 'a', 'b');
    const folder = await ResultsFolder.open(dir);
    await folder.append({ seed: 2 });
    await folder.append({ seed: 1 });
    expect(await readFile(join(dir, 'results.partial.jsonl'), 'utf8')).toBe('{"seed":2}\n{"seed":1}\n');
    const paths = await folder.finish([{ seed: 1 }, { seed: 2 }], { episodes: 2 });
    expect(paths).toEqual([join(dir, 'results.jsonl'), join(dir, 'summary.json')]);
    expect((await readdir(dir)).sort()).toEqual(['results.jsonl', 'summary.json']);
    expect(await readFile(join(dir, 'results.jsonl'), 'utf8')).toBe('{"seed":1}\n{"seed":2}\n');
    expect(JSON.parse(await readFile(join(dir, 'summary.json'), 'utf8'))).toEqual({ episodes: 2 });
  });

  it('leaves no trace when a run fails before its first episode', async () => {
    const folder = await ResultsFolder.open(join(root, 'a', 'b'));
    expect(await folder.abandon()).toBeUndefined();
    expect(await readdir(root)).toEqual([]);
  });

  it('leaves an existing folder and its files alone when a run fails', async () => {
    await writeFile(join(root, 'notes.txt'), 'mine');
    const folder = await ResultsFolder.open(root);
    await folder.abandon();
    expect(await readdir(root)).toEqual(['notes.txt']);
  });

  it('names the finished episodes that a failed run leaves', async () => {
    const folder = await ResultsFolder.open(join(root, 'a'));
    await folder.append({ seed: 7 });
    const left = await folder.abandon();
    expect(left).toBe(join(root, 'a', 'results.partial.jsonl'));
    expect(await readFile(left as string, 'utf8')).toBe('{"seed":7}\n');
  });

  it('refuses a folder that holds results, whole or partial', async () => {
    for (const name of ['results.jsonl', 'summary.json', 'results.partial.jsonl']) {
      await writeFile(join(root, name), 'precious');
      await expect(ResultsFolder.open(root)).rejects.toThrow(`already holds the results of a run (${name})`);
      expect(await readFile(join(root, name), 'utf8')).toBe('precious');
      await rm(join(root, name));
    }
  });

  it('refuses a path that cannot be a folder, naming it, and leaves nothing', async () => {
    const file = join(root, 'file');
    await writeFile(file, 'x');
    for (const path of [file, join(file, 'below')]) {
      const error = await ResultsFolder.open(path).catch((e: unknown) => e);
      expect(error).toBeInstanceOf(UserError);
      expect((error as Error).message).toContain(path);
      expect((error as Error).message).toContain('--out');
    }
    expect(await readdir(root)).toEqual(['file']);
    expect(await readFile(file, 'utf8')).toBe('x');
  });

  it('is reserved for one run at a time', async () => {
    const first = await ResultsFolder.open(root);
    await expect(ResultsFolder.open(root)).rejects.toThrow('already holds');
    await first.abandon();
  });
});
