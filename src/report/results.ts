/**
 * The results folder of a run: `results.jsonl`, one episode a line, and `summary.json`.
 *
 * Both appear whole or not at all (written under another name, then renamed). Until then every finished
 * episode is in `results.partial.jsonl`, so that a run that dies loses none, and says where they are.
 */
import { type FileHandle, open, readdir, rename, rm, rmdir, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { UserError } from '../errors.js';
import { makeFolder } from '../folder.js';

const RESULTS = 'results.jsonl';
const SUMMARY = 'summary.json';
const PARTIAL = 'results.partial.jsonl';

/** Why a system call on a user's folder failed, in words. */
const REASONS: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  EROFS: 'the file system is read-only',
  ENOTDIR: 'it, or a part of its path, is a file',
  ENOENT: 'the path cannot be created',
  ENOSPC: 'the disk is full',
};

function reason(error: unknown): string {
  const code = (error as NodeJS.ErrnoException).code ?? '';
  return REASONS[code] ?? (error instanceof Error ? error.message : String(error));
}

export class ResultsFolder {
  readonly dir: string;
  /** Where finished episodes are while the run goes on. */
  readonly partial: string;
  readonly #file: FileHandle;
  /** The topmost folder that `open` made, to be taken away again when the run leaves nothing. */
  readonly #created: string | undefined;
  #written = 0;
  #closed = false;

  private constructor(dir: string, file: FileHandle, created: string | undefined) {
    this.dir = dir;
    this.partial = join(dir, PARTIAL);
    this.#file = file;
    this.#created = created;
  }

  /**
   * Makes the folder, or takes an existing one, and reserves it for this run.
   * @throws UserError when it cannot be written or already holds results; nothing is left behind then.
   */
  static async open(path: string): Promise<ResultsFolder> {
    const dir = resolve(path);
    const refuse = (error: unknown) =>
      new UserError(
        `Output folder ${dir} (--out) cannot be written: ${reason(error)}; name another one.`,
        2,
        { cause: error },
      );
    let created: string | undefined;
    let files: string[];
    try {
      created = await makeFolder(dir);
      files = await readdir(dir);
    } catch (error) {
      throw refuse(error);
    }
    const holds = files.find((name) => [RESULTS, SUMMARY, PARTIAL].includes(name));
    if (holds !== undefined)
      throw new UserError(
        `Output folder ${dir} (--out) already holds the results of a run (${holds}); name another one or move it away.`,
      );
    try {
      return new ResultsFolder(dir, await open(join(dir, PARTIAL), 'wx'), created);
    } catch (error) {
      await removeCreated(dir, created);
      throw refuse(error);
    }
  }

  /** Keeps one finished episode, in the order in which they finish. */
  async append(result: object): Promise<void> {
    await this.#file.appendFile(`${JSON.stringify(result)}\n`);
    this.#written++;
  }

  /** Writes a further file of the run, whole or not at all; returns its path. */
  async write(name: string, content: string | Uint8Array): Promise<string> {
    const path = join(this.dir, name);
    const temporary = join(this.dir, `.${name}.tmp`);
    await writeFile(temporary, content);
    await rename(temporary, path);
    return path;
  }

  /** Writes results (in the order given) and summary in their final place; returns their paths. */
  async finish(results: readonly object[], summary: object): Promise<string[]> {
    const lines = results.map((result) => `${JSON.stringify(result)}\n`).join('');
    const paths = [
      await this.write(RESULTS, lines),
      await this.write(SUMMARY, `${JSON.stringify(summary, null, 2)}\n`),
    ];
    await this.#close();
    await rm(this.partial, { force: true });
    return paths;
  }

  /**
   * Ends a run that failed. The folder is as it was before when no episode had finished; otherwise the
   * path of what is left is returned.
   */
  async abandon(): Promise<string | undefined> {
    await this.#close();
    if (this.#written > 0) return this.partial;
    await rm(this.partial, { force: true });
    await removeCreated(this.dir, this.#created);
    return undefined;
  }

  async #close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#file.close();
  }
}

/** Removes `dir` and its parents up to `created`, as far as they are empty. */
async function removeCreated(dir: string, created: string | undefined): Promise<void> {
  if (created === undefined) return;
  for (let folder = dir; folder.length >= created.length; folder = dirname(folder)) {
    try {
      await rmdir(folder);
    } catch {
      return; // Somebody else put something there meanwhile: it is theirs.
    }
  }
}
