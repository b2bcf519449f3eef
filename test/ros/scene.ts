/**
 * The policy node as it is installed, an arm that can be made to fail (arm.py), and somebody who watches and
 * operates the node (watch.py): each a process of its own.
 *
 * The policy follows the light that the arm's cameras see, and goes on with what one of them sees of it when the other
 * fails: a command stands still for one reason only, that the node holds.
 */
import type { ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import sharp from 'sharp';
import { expect, vi } from 'vitest';
import type { Run } from '../support/cli.js';
import { writeBundle } from '../support/onnx.js';
import { Peer } from './peer.js';
import { finished, start } from './ros.js';

export const RATE_HZ = 20;
export const MAX_AGE_S = 0.4;
/** So much that a joint stands within one control period. */
const LIMITS = { velocity: 1.5, acceleration: 60 };
const LIGHT_PERIOD_S = 3;
const JOINTS = ['pan', 'lift', 'gripper'];
const CONTRACT = `
name: faulty_arm
rate_hz: ${RATE_HZ}
joints:
${JOINTS.map((name) => `  - { name: ${name}, min: -2, max: 2, velocity: ${LIMITS.velocity}, acceleration: ${LIMITS.acceleration} }`).join('\n')}
cameras:
  - { name: wrist, role: wrist_detail,    width: 32, height: 24, max_age_s: ${MAX_AGE_S}, topic: /wrist/image_raw }
  - { name: head,  role: global_overview, width: 32, height: 24, max_age_s: ${MAX_AGE_S}, topic: /head/image_raw }
command: { topic: /joint_commands, type: sensor_msgs/msg/JointState }
reset: { service: /arm/reset, type: std_srvs/srv/Trigger, timeout_s: 60 }
safety: { ramp_in_s: 0.3, joints_max_age_s: ${MAX_AGE_S} }
`;

/** For whatever must come true sooner or later; machines that tests run on may be slow. */
export const SOON = { timeout: 60_000, interval: 100 };

export type Part = 'wrist' | 'head' | 'joints' | 'reset';
export type Faults = Partial<Record<Part, string>>;

export interface Command {
  /** When it came, and its own stamp, s of the system's time and of the robot's. */
  readonly at: number;
  readonly stamp: number;
  /** In the contract's order. */
  readonly positions: readonly number[];
}

export interface EpisodeMessage {
  readonly stop: string;
  readonly reason: string;
  readonly steps: number;
  readonly interventions: readonly string[];
}

export interface RunResult {
  /** `action_msgs/msg/GoalStatus`: 4 succeeded, 5 cancelled, 6 aborted. */
  readonly status: number;
  readonly message: string;
  readonly episodes: readonly EpisodeMessage[];
}

export interface SceneOptions {
  /** Time is what the arm says on /clock. */
  readonly simTime?: boolean;
  /** The node's environment beside ROS's. */
  readonly env?: Readonly<Record<string, string>>;
}

export class Scene {
  readonly node: ChildProcess;
  readonly ended: Promise<Run>;
  readonly #env: NodeJS.ProcessEnv;
  readonly #simTime: boolean;
  readonly #watch: Peer;
  readonly #commands: string;
  #arm: Peer;
  #log = '';

  private constructor(dir: string, arm: Peer, env: NodeJS.ProcessEnv, options: SceneOptions) {
    this.#env = env;
    this.#arm = arm;
    this.#simTime = options.simTime ?? false;
    this.#commands = join(dir, 'commands.jsonl');
    writeFileSync(this.#commands, '');
    this.#watch = new Peer('watch.py', [this.#commands], env);
    const contract = join(dir, 'contract.yaml');
    writeFileSync(contract, CONTRACT);
    const { dir: policy } = writeBundle(join(dir, 'policy'), {
      rateHz: RATE_HZ,
      joints: JOINTS,
      cameras: [
        { name: 'wrist', role: 'wrist_detail', width: 32, height: 24 },
        { name: 'head', role: 'global_overview', width: 32, height: 24 },
      ],
      strategy: { name: 'latest' },
      stateGain: 0,
      imageGain: 1,
      bias: [-0.9, -1, -1.1],
    });
    const parameters = { contract, policy, autostart: true, use_sim_time: this.#simTime };
    const given = Object.entries(parameters).flatMap(([name, value]) => ['-p', `${name}:=${value}`]);
    // Not `ros2 run`, which hands no signal on.
    this.node = start(executable(env, 'policy_node'), ['--ros-args', ...given], {
      env: { ...env, ...options.env },
    });
    for (const stream of [this.node.stdout, this.node.stderr])
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.#log += text;
      });
    this.ended = finished(this.node);
  }

  /**
   * @param env ROS 2 and the package's install space
   * @param parent for its files
   */
  static async set(env: NodeJS.ProcessEnv, parent: string, options: SceneOptions = {}): Promise<Scene> {
    const dir = mkdtempSync(join(parent, 'scene-'));
    const arm = await startArm(env, { pose: [0, 0, 0], clock: options.simTime ?? false });
    const scene = new Scene(dir, arm, env, options);
    await scene.says('lifecycle', 0, /^active$/);
    return scene;
  }

  async close(): Promise<void> {
    this.node.kill('SIGKILL');
    await Promise.all([this.#arm.kill(), this.#watch.stop(), this.ended]);
  }

  /** What the node has written so far. */
  get log(): string {
    return this.#log;
  }

  /** Makes parts of the arm fail, or mends them (''); see arm.py. @returns the stamp of each one's last good message, s */
  async fail(faults: Faults): Promise<Readonly<Record<string, number>>> {
    const stamps = await this.#arm.ask<Record<string, string>>('fail', faults);
    return Object.fromEntries(Object.entries(stamps).map(([part, ns]) => [part, Number(ns) / 1e9]));
  }

  /** Sets the arm's clock back or forward, s. */
  async setClock(seconds: number): Promise<void> {
    await this.#arm.ask('jump', seconds);
  }

  /** The arm's program dies. */
  async killArm(): Promise<void> {
    await this.#arm.kill();
  }

  /** Starts it again: the arm is where its last command has brought it. */
  async restartArm(): Promise<void> {
    const pose = this.commands().at(-1)?.positions ?? [0, 0, 0];
    this.#arm = await startArm(this.#env, { pose, clock: this.#simTime });
  }

  /** Has the node run episodes, without a time limit to speak of unless `goal` has one. */
  async begin(goal: { readonly count?: number; readonly time_limit?: number } = {}): Promise<void> {
    await this.#watch.ask('begin', { count: 1, seed: 1, time_limit: 3600, ...goal });
  }

  async result(): Promise<RunResult> {
    return await this.#watch.ask<RunResult>('result');
  }

  /** Begins an episode and waits until the policy moves the arm. */
  async setGoing(): Promise<void> {
    await this.begin();
    await this.moves();
  }

  /** Stops the episode under way. */
  async stop(): Promise<EpisodeMessage> {
    await this.call('stop');
    const { episodes } = await this.result();
    return episodes[0] as EpisodeMessage;
  }

  /** Calls a Trigger service of the node. */
  async call(service: string): Promise<{ readonly success: boolean; readonly message: string }> {
    return await this.#watch.ask('call', service);
  }

  /** Another node comes up that could publish on a topic. */
  async meddle(node: string, topic: '/joint_commands' | '/clock'): Promise<void> {
    await this.#watch.ask('meddle', node, topic);
  }

  /** That node goes. */
  async leave(node: string): Promise<void> {
    await this.#watch.ask('leave', node);
  }

  /** Waits until /diagnostics says so of a part of the node; level 0 OK, 1 WARN, 2 ERROR. */
  async says(
    part: string,
    level: number,
    message: RegExp,
    values: Readonly<Record<string, string>> = {},
  ): Promise<void> {
    const status = { level, message: expect.stringMatching(message), values };
    await vi.waitFor(
      async () => expect(await this.#watch.ask('diagnosis', part)).toMatchObject(status),
      SOON,
    );
  }

  /** Every command that was sent so far, in the order they came. */
  commands(): Command[] {
    const lines = readFileSync(this.#commands, 'utf8').split('\n').slice(0, -1);
    return lines.map((line) => {
      const { at, stamp, positions } = JSON.parse(line);
      return {
        at: Number(at) / 1e9,
        stamp: Number(stamp) / 1e9,
        positions: JOINTS.map((name) => positions[name]),
      };
    });
  }

  /** Waits until ten more commands have come that lead somewhere. */
  async moves(): Promise<void> {
    const before = this.commands().length;
    const moving = () => steps(this.commands().slice(before)).filter((step) => step > 1e-4).length;
    await vi.waitFor(() => expect(moving()).toBeGreaterThan(10), SOON);
  }

  /** Waits until commands have come for `seconds` of the robot's time, from `since` on; those. */
  async commandsOf(since: number, seconds: number): Promise<Command[]> {
    const of = () => this.commands().filter(({ stamp }) => stamp >= since);
    const lasted = () => {
      const [first, last] = [of()[0], of().at(-1)];
      return first && last ? last.stamp - first.stamp : 0;
    };
    await vi.waitFor(() => expect(lasted()).toBeGreaterThan(seconds), SOON);
    return of();
  }
}

/** That an arm that is told where to be, over and over, is told the same place. */
export function expectHold(commands: readonly Command[]): void {
  expect(commands.length).toBeGreaterThan(5);
  expect(Math.max(...steps(commands))).toBe(0);
}

/** That the arm was told to be where it was told to be before. */
export function expectRest(commands: readonly Command[]): void {
  expect(commands.at(-1)?.positions).toEqual(commands.at(-2)?.positions);
}

/** That each command can be reached from the one before within the joints' velocity limits. */
export function expectNoJump(commands: readonly Command[]): void {
  expect(commands.length).toBeGreaterThan(10);
  steps(commands).forEach((step, i) => {
    const [before, after] = [commands[i] as Command, commands[i + 1] as Command];
    // Where the clock is set back, the time between them is a control period all the same.
    const seconds = Math.max(after.stamp - before.stamp, 1 / RATE_HZ);
    expect(step, `command ${i + 1} of ${commands.length}`).toBeLessThan(LIMITS.velocity * seconds + 1e-6);
  });
}

/** How far the joint that moves most is moved by each command after the first. */
function steps(commands: readonly Command[]): number[] {
  return commands
    .slice(1)
    .map(({ positions }, i) =>
      Math.max(...positions.map((position, j) => Math.abs(position - (commands[i]?.positions[j] as number)))),
    );
}

async function startArm(env: NodeJS.ProcessEnv, options: object): Promise<Peer> {
  const given = { jpegs: await jpegs(), period_s: LIGHT_PERIOD_S, ...options };
  return new Peer('arm.py', [JSON.stringify(given)], env);
}

/** What a camera sees of a light that swells and fades within its period; in hexadecimal. */
async function jpegs(): Promise<string[]> {
  const phases = Array.from({ length: 24 }, (_, i) => (2 * Math.PI * i) / 24);
  return await Promise.all(
    phases.map(async (phase) => {
      const noise = { type: 'gaussian' as const, mean: 128 + 64 * Math.sin(phase), sigma: 10 };
      const create = { width: 32, height: 24, channels: 3 as const, background: 'black', noise };
      return (await sharp({ create }).jpeg().toBuffer()).toString('hex');
    }),
  );
}

/** A program of the package's, in its install space. */
function executable({ AMENT_PREFIX_PATH = '' }: NodeJS.ProcessEnv, name: string): string {
  const files = AMENT_PREFIX_PATH.split(delimiter).map((prefix) => join(prefix, 'lib/saccade', name));
  const file = files.find(existsSync);
  if (!file) throw new Error(`${name} is not installed in ${AMENT_PREFIX_PATH}`);
  return file;
}
