/** The programs that a bench starts, and what they cost. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';

const children = new Set<Program>();
/** Nothing that the bench started outlives it. */
process.on('exit', () => {
  for (const child of children) child.kill();
});
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, () => process.exit(128 + constants.signals[signal]));

export class Program {
  readonly #child: ChildProcess;
  readonly #ended: Promise<number | null>;
  #output = '';
  #onOutput: (() => void) | undefined;

  constructor(
    readonly name: string,
    command: string,
    args: readonly string[],
    env: NodeJS.ProcessEnv,
  ) {
    // A group of its own: Ctrl-C is the bench's to hand on.
    this.#child = spawn(command, args, { env, stdio: ['pipe', 'pipe', 'pipe'], detached: true });
    children.add(this);
    for (const stream of [this.#child.stdout, this.#child.stderr])
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.#output += text;
        this.#onOutput?.();
      });
    this.#ended = new Promise((resolve, reject) => {
      this.#child.once('error', reject);
      this.#child.once('close', (code) => {
        children.delete(this);
        resolve(code);
        this.#onOutput?.();
      });
    });
  }

  /** What it prints from now on up to `text`. @throws Error when it ends before */
  async prints(text: string): Promise<string> {
    for (;;) {
      const at = this.#output.indexOf(text);
      if (at >= 0) {
        const printed = this.#output.slice(0, at + text.length);
        this.#output = this.#output.slice(at + text.length);
        return printed;
      }
      if (!children.has(this))
        throw new Error(`${this.name} ended before it printed '${text}':\n${this.#output}`);
      await new Promise<void>((resolve) => {
        this.#onOutput = resolve;
      });
    }
  }

  /** A line to its stdin, and the line that it answers with. */
  async ask(line: string): Promise<string> {
    this.#child.stdin?.write(`${line}\n`);
    return await this.prints('\n');
  }

  /** Lets it end. @throws Error when it does not end well */
  async end(how: 'stdin' | NodeJS.Signals): Promise<void> {
    if (how === 'stdin') this.#child.stdin?.end();
    else this.#child.kill(how);
    await this.ends();
  }

  /** What it has printed until its end that was not asked for before. @throws as `end` */
  async ends(): Promise<string> {
    const code = await this.#ended;
    if (code !== 0) throw new Error(`${this.name} ended with ${code}:\n${this.#output}`);
    return this.#output;
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }

  /** CPU time since it began, s. */
  get cpuS(): number {
    // proc(5): behind the name, which may have spaces and is in parentheses, utime and stime are the 12th and 13th.
    const fields = readFileSync(`/proc/${this.#child.pid}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ');
    return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_S;
  }

  /** The most memory it has had, bytes. */
  get peakBytes(): number {
    const status = readFileSync(`/proc/${this.#child.pid}/status`, 'utf8');
    return 1024 * Number(/^VmHWM:\s*(\d+) kB$/m.exec(status)?.[1]);
  }
}

/** Where the executables of package `saccade` are that `ros2 run` starts. */
export function executables({ AMENT_PREFIX_PATH = '' }: NodeJS.ProcessEnv): string {
  const prefix = AMENT_PREFIX_PATH.split(':').find((prefix) => existsSync(join(prefix, 'share/saccade')));
  if (prefix === undefined) throw new Error('no package saccade is sourced');
  return join(prefix, 'lib/saccade');
}

const TICKS_PER_S = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));
