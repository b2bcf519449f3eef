/** Drives robot.py, a robot that is not there, and knows what it published. */
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { Peer } from './peer.js';

/** The contract that fits what robot.py publishes. */
const CONTRACT = `
name: absent_arm
rate_hz: 20
joints:
  - { name: pan,     min: -9, max: 9, velocity: 3, acceleration: 30 }
  - { name: lift,    min: -9, max: 9, velocity: 3, acceleration: 30 }
  - { name: gripper, min: -9, max: 9, velocity: 3, acceleration: 30 }
cameras:
  - { name: wrist, role: wrist_detail,    width: 32, height: 24, max_age_s: 0.5, topic: /wrist/image_raw }
  - { name: head,  role: global_overview, width: 32, height: 24, max_age_s: 0.5, topic: /head/image_raw }
command: { topic: /leader/joint_states, type: sensor_msgs/msg/JointState }
safety: { ramp_in_s: 0.3, joints_max_age_s: 0.5 }
`;

export interface Published {
  readonly topic: string;
  /** ns; 0 where the message has no header. */
  readonly stamp: bigint;
  readonly bytes: number;
  readonly sha256: string;
}

export interface Reply {
  readonly success: boolean;
  readonly message: string;
}

export class AbsentRobot {
  /** The robot contract's file. */
  readonly contract: string;
  readonly #peer: Peer;
  readonly #log: string;

  private constructor(peer: Peer, log: string, contract: string) {
    this.#peer = peer;
    this.#log = log;
    this.contract = contract;
  }

  /** @param dir for its files */
  static async start(dir: string): Promise<AbsentRobot> {
    const red = { width: 32, height: 24, channels: 3 as const, background: 'red' };
    const jpeg = await sharp({ create: red }).jpeg().toBuffer();
    const [log, contract] = [join(dir, 'published.jsonl'), join(dir, 'robot.yaml')];
    writeFileSync(contract, CONTRACT);
    const robot = new AbsentRobot(new Peer('robot.py', [log, jpeg.toString('hex')]), log, contract);
    await robot.ticks(1);
    return robot;
  }

  /** Calls `/saccade/record/<word>`. */
  async call(word: string): Promise<Reply> {
    return await this.#peer.ask<Reply>('call', `/saccade/record/${word}`);
  }

  /** Waits for `n` more rounds of messages. */
  async ticks(n: number): Promise<void> {
    await this.#peer.ask('ticks', n);
  }

  async mute(topic: string): Promise<void> {
    await this.#peer.ask('mute', topic);
  }

  async unmute(topic: string): Promise<void> {
    await this.#peer.ask('unmute', topic);
  }

  /** Stops publishing; what it published, in order. */
  async published(): Promise<Published[]> {
    await this.#peer.ask('pause');
    return readFileSync(this.#log, 'utf8')
      .trim()
      .split('\n')
      .map((line) => {
        const { stamp, ...rest } = JSON.parse(line);
        return { ...rest, stamp: BigInt(stamp) };
      });
  }

  async stop(): Promise<void> {
    await this.#peer.stop();
  }
}

/** Whether `data` is that message; middleware may pad CDR with zeros to a multiple of four bytes. */
export function isMessage(data: Uint8Array, { bytes, sha256 }: Published): boolean {
  const digest = createHash('sha256').update(data.subarray(0, bytes)).digest('hex');
  return digest === sha256 && data.subarray(bytes).every((byte) => byte === 0);
}
