/**
 * A kinematic robot for tests of the loop: joints follow commands at once, images are a pure function of the
 * joints and the camera, the clock moves only when told to. Everything a test may want to break can be broken.
 */
import { Subject } from 'rxjs';
import type { RobotContract } from '../../src/contract/contract.js';
import type { PolicyBundle } from '../../src/infer/bundle.js';
import type { Inference, InferOptions } from '../../src/infer/policy.js';
import type { Inferrer } from '../../src/latestInference.js';
import type { CameraPair, Observation } from '../../src/observe/observation.js';
import { Resizer } from '../../src/observe/resize.js';
import type {
  Clock,
  Frame,
  JointCommand,
  JointState,
  Outcome,
  ResetRequest,
  Robot,
} from '../../src/robots/robot.js';

export const FAKE_CONTRACT: RobotContract = {
  file: '/fake/robot.yaml',
  text: '',
  name: 'fake',
  rateHz: 20,
  commandRateHz: 20,
  joints: [
    { name: 'pan', min: -2, max: 2, velocity: 3, acceleration: 30 },
    { name: 'lift', min: -1, max: 1.5, velocity: 3, acceleration: 30 },
    { name: 'gripper', min: 0, max: 0.04, velocity: 0.2, acceleration: 4 },
  ],
  cameras: [
    {
      name: 'wrist',
      role: 'wrist_detail',
      width: 8,
      height: 6,
      maxAgeS: 0.2,
      topic: '/wrist/image_raw',
      qos: 'sensor_data',
    },
    {
      name: 'head',
      role: 'global_overview',
      width: 12,
      height: 8,
      maxAgeS: 0.2,
      topic: '/head/image_raw',
      qos: 'sensor_data',
    },
  ],
  jointStates: { topics: ['/joint_states'] },
  commands: [
    { topic: '/joint_commands', type: 'sensor_msgs/msg/JointState', joints: ['pan', 'lift', 'gripper'] },
  ],
  reward: { topic: '/reward', max: 4 },
  sync: { toleranceS: 0.025, maxSkewS: 0.2 },
  safety: { rampInS: 0, jointsMaxAgeS: 0.1 },
};

export interface FakeRobotOptions {
  readonly contract?: RobotContract;
  /** False: time passes at the test's bidding, through `advance`. */
  readonly lockstep?: boolean;
  /** The reward (and failure) after `tick` control periods; 0 when absent. */
  readonly outcome?: (tick: number, joints: Float32Array) => Omit<Outcome, 'time'>;
  /** Whether a source ('joints' or a camera) sends at `tick`. */
  readonly sends?: (source: string, tick: number) => boolean;
}

export class FakeRobot implements Robot {
  readonly frames = new Subject<Frame>();
  readonly joints = new Subject<JointState>();
  readonly outcomes = new Subject<Outcome>();
  readonly maxReward = 4;
  readonly contract: RobotContract;
  readonly clock: Clock;
  readonly commands: JointCommand[] = [];
  readonly pose: Float32Array;
  readonly #options: FakeRobotOptions;
  #periods = 0;
  #tick = 0;
  #time = 0;
  #sleepers: { readonly time: number; readonly wake: () => void }[] = [];

  constructor(options: FakeRobotOptions = {}) {
    this.#options = options;
    this.contract = options.contract ?? FAKE_CONTRACT;
    this.pose = new Float32Array(this.contract.joints.length);
    const self = this;
    const lockstep = options.lockstep ?? true;
    this.clock = {
      lockstep,
      get now() {
        return self.#time;
      },
      sleepUntil: async (time) => {
        if (!lockstep) {
          if (time > self.#time) await new Promise<void>((wake) => self.#sleepers.push({ time, wake }));
          return;
        }
        while (self.#time < time - 1e-9) self.#step();
      },
    };
  }

  async reset({ seed }: ResetRequest): Promise<void> {
    this.#periods = 0;
    this.#tick = 0;
    this.#time = 0;
    this.commands.length = 0;
    this.pose.set(
      this.contract.joints.map((joint, j) => joint.min + (joint.max - joint.min) * (((seed + j) % 5) / 4)),
    );
    this.sense();
  }

  command(command: JointCommand): void {
    this.commands.push(command);
    this.pose.set(command.positions);
  }

  async close(): Promise<void> {}

  /** Manual clock: command periods pass at a stretch, then whatever waited for them runs until it waits again. */
  async advance(periods = 1): Promise<void> {
    for (let n = 0; n < periods; n++) this.#step();
    const due = this.#sleepers.filter((sleeper) => sleeper.time <= this.#time + 1e-9);
    this.#sleepers = this.#sleepers.filter((sleeper) => !due.includes(sleeper));
    for (const { wake } of due) wake();
    await settled();
  }

  /** Emits frames, joints and outcome of this instant. */
  sense(): void {
    const { contract } = this;
    const sends = this.#options.sends ?? (() => true);
    const time = this.#time;
    if (sends('joints', this.#tick)) this.joints.next({ time, positions: this.pose.slice() });
    for (const { name, width, height } of contract.cameras) {
      if (!sends(name, this.#tick)) continue;
      const data = fakeImage(width, height, this.pose, name.length);
      this.frames.next({ camera: name, time, width, height, data });
    }
    this.outcomes.next({ time, ...(this.#options.outcome?.(this.#tick, this.pose) ?? { reward: 0 }) });
  }

  /** A command period passes; what there is to sense comes once a control period. */
  #step(): void {
    const { rateHz, commandRateHz } = this.contract;
    this.#time = ++this.#periods / commandRateHz;
    const perTick = Math.round(commandRateHz / rateHz);
    if (this.#periods % perTick !== 0) return;
    this.#tick = this.#periods / perTick;
    this.sense();
  }
}

/** rgb8, a gradient that shifts with the pose. */
export function fakeImage(width: number, height: number, pose: Float32Array, salt: number): Uint8Array {
  const shift = pose.reduce((sum, position, j) => sum + position * (j + 1) * 40, salt);
  return Uint8Array.from({ length: width * height * 3 }, (_, i) => (((i * 7 + shift) % 256) + 256) % 256);
}

/** Lets every promise that can go on do so. */
export async function settled(): Promise<void> {
  for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve));
}

/** A bundle that fits `contract`, its joints in reverse order and its images smaller, so that a mix-up shows. */
export function fakeBundle(contract: RobotContract, chunk: number): PolicyBundle {
  return {
    dir: '/fake/policy',
    manifestFile: '/fake/policy/policy.yaml',
    graph: { file: '/fake/policy/policy.onnx', sha256: '', bytes: 0 },
    name: 'fake',
    task: 'fake',
    rateHz: contract.rateHz,
    cameras: contract.cameras
      .map(({ name, role }) => ({
        name,
        role,
        width: 4,
        height: 3,
        inputs: { current: name, previous: `${name}_previous` },
      }))
      .reverse(),
    joints: contract.joints.map((joint) => joint.name).reverse(),
    state: { input: 'state' },
    action: { output: 'action', chunk, kind: 'joint_position' },
    memory: { pairs: [] },
    views: [],
    strategy: { name: 'latest' },
    provenance: {},
  };
}

/** A policy given as a function: K×A actions from an observation at the bundle's sizes. Keeps what it was shown. */
export class FakePolicy implements Inferrer {
  readonly seen: Observation[] = [];
  readonly viewsAsked: (readonly string[] | undefined)[] = [];
  readonly bundle: PolicyBundle;

  constructor(
    contract: RobotContract,
    readonly chunk: number,
    private readonly act: (observation: Observation, query: number) => Float32Array | Promise<Float32Array>,
  ) {
    this.bundle = fakeBundle(contract, chunk);
  }

  async infer(observation: Observation, options?: InferOptions): Promise<Inference> {
    const seen = { ...observation, cameras: observation.cameras.map((pair, c) => this.#resized(pair, c)) };
    const query = this.seen.push(seen) - 1;
    this.viewsAsked.push(options?.views);
    const actions = await this.act(seen, query);
    const { rateHz, joints } = this.bundle;
    const chunk = {
      time: observation.time,
      dt: 1 / rateHz,
      length: this.chunk,
      width: joints.length,
      actions,
    };
    return { chunk, resizeMs: 0, runMs: 1, views: new Map() };
  }

  #resized({ current, previous }: CameraPair, camera: number): CameraPair {
    const { width, height } = this.bundle.cameras[camera];
    const resizer = new Resizer({ width, height });
    const resized = (frame: Frame) => ({ ...frame, width, height, data: resizer.resize(frame) });
    const now = resized(current);
    return { current: now, previous: previous === current ? now : resized(previous) };
  }
}
