/** A Python program of this folder that takes part in the ROS graph and does what it is told; see peer.py. */
import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { start } from './ros.js';

export class Peer {
  readonly #program: string;
  readonly #child: ChildProcess;
  readonly #answers: AsyncIterator<string>;
  readonly #closed: Promise<void>;

  /** @param env with ROS 2 in it; what was found where absent */
  constructor(program: string, args: readonly string[], env?: NodeJS.ProcessEnv) {
    this.#program = program;
    const file = fileURLToPath(new URL(program, import.meta.url));
    this.#child = start('python3', [file, ...args], {
      stdio: ['pipe', 'pipe', 'inherit'],
      ...(env && { env }),
    });
    if (!this.#child.stdout) throw new Error(`${program} has no stdout`);
    this.#answers = createInterface(this.#child.stdout)[Symbol.asyncIterator]();
    this.#closed = new Promise((resolve) => this.#child.once('close', () => resolve()));
  }

  /** Calls a method of the program's; one after the other. */
  async ask<T = unknown>(method: string, ...args: readonly unknown[]): Promise<T> {
    this.#child.stdin?.write(`${JSON.stringify([method, ...args])}\n`);
    const { value, done } = await this.#answers.next();
    if (done) throw new Error(`${this.#program} ended at '${method}'`);
    return JSON.parse(value);
  }

  async stop(): Promise<void> {
    this.#child.stdin?.end();
    await this.#closed;
  }

  /** As a crash or a pulled plug would. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#closed;
  }
}
