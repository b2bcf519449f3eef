/** The sanity controls, behind the ports: the loop does not know of them. */
import { map } from 'rxjs';
import type { PolicyBundle } from '../infer/bundle.js';
import type { Inference, Inferrer } from '../latestInference.js';
import type { Observation } from '../observe/observation.js';
import type { Robot } from '../robots/robot.js';
import type { Tap, Tick } from '../tap.js';

/** The robot, blind: every frame arrives, on time and black. */
export function blankCameras(robot: Robot): Robot {
  return {
    contract: robot.contract,
    clock: robot.clock,
    frames: robot.frames.pipe(map((frame) => ({ ...frame, data: new Uint8Array(frame.data.length) }))),
    joints: robot.joints,
    outcomes: robot.outcomes,
    maxReward: robot.maxReward,
    reset: (request) => robot.reset(request),
    command: (command) => robot.command(command),
    close: () => robot.close(),
  };
}

/** Keeps the commands of an episode, a row a tick, contract joint order. */
export class CommandLog implements Tap {
  readonly commands: Float32Array[] = [];

  onTick({ command }: Tick): void {
    this.commands.push(command.positions);
  }
}

/** A "policy" that repeats recorded commands open loop, whatever it sees; past their end, the last one. */
export class Replay implements Inferrer {
  readonly bundle: PolicyBundle;
  readonly #rows: readonly Float32Array[];
  readonly #dt: number;
  #start = 0;

  /**
   * @param bundle the policy's that is replaced: the robot is observed as before
   * @param commands a row a tick of `dt` s, in the order of `joints`
   */
  constructor(
    bundle: PolicyBundle,
    commands: readonly Float32Array[],
    { joints, dt }: { joints: readonly string[]; dt: number },
  ) {
    this.bundle = bundle;
    const order = bundle.joints.map((name) => joints.indexOf(name));
    this.#rows = commands.map((row) => Float32Array.from(order, (index) => row[index] as number));
    this.#dt = dt;
  }

  async infer({ time, first }: Observation): Promise<Inference> {
    if (first) this.#start = time;
    // A real inference lets the event loop turn; so does this one, or nobody could interrupt a replay.
    await new Promise((resolve) => setImmediate(resolve));
    const actions = this.#rows[Math.min(Math.round((time - this.#start) / this.#dt), this.#rows.length - 1)];
    if (!actions) throw new Error('no commands were recorded to replay');
    const chunk = { time, dt: this.#dt, length: 1, width: actions.length, actions };
    return { chunk, resizeMs: 0, runMs: 0, views: new Map() };
  }
}
