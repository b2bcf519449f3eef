import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import { temporaryFolder } from '../../test/support/cli.js';
import { UserError } from '../errors.js';
import { workerUrl } from '../workers.js';
import { type CrewOptions, runJobs } from './crew.js';

const tmp = temporaryFolder();
const [thread, errors] = ['../crew/thread.js', '../errors.js'].map((file) =>
  workerUrl(file, import.meta.url),
);
/** Doubles numbers; `bad` is refused, `die` ends the thread, `long` waits to be interrupted. */
const file = join(tmp, 'worker.mjs');
writeFileSync(
  file,
  `import { writeFileSync } from 'node:fs';
import { workerData } from 'node:worker_threads';
import { serve } from ${JSON.stringify(thread)};
import { UserError } from ${JSON.stringify(errors)};
serve(async () => {
  if (workerData.refuse) throw new UserError('no such policy');
  return {
    facts: { id: workerData.id },
    async run(job, signal) {
      if (job === 'bad') throw new UserError('job is bad', 2);
      if (job === 'die') process.exit(3);
      if (job === 'long') await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
      return Buffer.from(String(2 * job)).toString();
    },
    async close() {
      writeFileSync(workerData.closed, '');
    },
  };
});
`,
);

type Options = CrewOptions<number | string, { id: number }, string>;

function options(more: Partial<Options> & { data?: object } = {}): Options {
  const { data, ...rest } = more;
  return {
    worker: pathToFileURL(file),
    workerData: { id: 7, closed: join(tmp, 'closed'), ...data },
    threads: 2,
    onResult: () => {},
    ...rest,
  };
}

describe('runJobs', () => {
  it('does every job once, says once that it is ready, and closes what threads hold', async () => {
    const [results, ready]: [string[], object[]] = [[], []];
    const closed = join(tmp, 'closed-in-order');
    await runJobs(
      [1, 2, 3, 4, 5],
      options({
        data: { closed },
        threads: 9,
        onReady: (facts) => ready.push(facts),
        onResult: (result, job) => void results.push(`${job}: ${result}`),
      }),
    );
    expect(results.sort()).toEqual(['1: 2', '2: 4', '3: 6', '4: 8', '5: 10']);
    expect(ready).toEqual([{ id: 7 }]);
    expect(existsSync(closed)).toBe(true);
  });

  it('hands on what a thread refuses, class and sentence', async () => {
    const atStart = await runJobs([1, 2], options({ data: { refuse: true } })).catch((e: unknown) => e);
    expect(atStart).toBeInstanceOf(UserError);
    expect(atStart).toMatchObject({ message: 'no such policy', exitCode: 2 });
    const later = await runJobs([1, 'bad', 3], options()).catch((e: unknown) => e);
    expect(later).toBeInstanceOf(UserError);
  });

  it('says that a thread died, and ends the others', async () => {
    const results: string[] = [];
    const run = runJobs([1, 'die', 'long'], options({ onResult: (result) => void results.push(result) }));
    await expect(run).rejects.toThrow('ended unexpectedly (exit code 3)');
    expect(results).toContain('2');
  });

  it('ends when a result cannot be kept', async () => {
    const full = new Error('the disk is full');
    const run = runJobs(
      [1, 2, 3, 4],
      options({
        onResult: () => {
          throw full;
        },
      }),
    );
    await expect(run).rejects.toBe(full);
  });

  it('tells the job under way to end when it is interrupted, and starts no other', async () => {
    const controller = new AbortController();
    const results: string[] = [];
    await runJobs(
      ['long', 2],
      options({
        threads: 1,
        signal: controller.signal,
        onReady: () => setImmediate(() => controller.abort()),
        onResult: (result) => void results.push(result),
      }),
    );
    expect(results).toEqual(['NaN']);
    await runJobs(
      [1],
      options({ signal: AbortSignal.abort(), onResult: (result) => void results.push(result) }),
    );
    expect(results).toEqual(['NaN']);
  });
});
