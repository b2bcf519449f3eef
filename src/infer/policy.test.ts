import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Worker } from 'node:worker_threads';
import { afterAll, afterEach, describe, expect, it, onTestFinished } from 'vitest';
import {
  type BundleChanges,
  DEFAULT_POLICY,
  float32,
  policyGraph,
  TEST_CAMERAS,
  type TestPolicy,
  writeBundle,
} from '../../test/support/onnx.js';
import { UserError } from '../errors.js';
import type { Observation } from '../observe/observation.js';
import type { Frame } from '../robots/robot.js';
import { loadBundle } from './load.js';
import { Policy } from './policy.js';

const root = mkdtempSync(path.join(tmpdir(), 'saccade-policy-'));
afterAll(() => rmSync(root, { recursive: true }));

let bundles = 0;
const opened: Policy[] = [];
afterEach(async () => {
  await Promise.all(opened.splice(0).map((policy) => policy.close()));
});

async function open(policy: Partial<TestPolicy> = {}, changes: BundleChanges = {}): Promise<Policy> {
  const { dir } = writeBundle(path.join(root, `bundle${bundles++}`), policy, changes);
  const loaded = await Policy.load(await loadBundle(dir), { provider: 'cpu' });
  opened.push(loaded);
  return loaded;
}

/** Grey frames: of each camera the current and the previous one. */
function observe(
  time: number,
  greys: readonly (readonly [current: number, previous: number])[],
  { first = false, state = [1, 2, 3, 4, 5, 6, 7], width = 96, height = 96 } = {},
): Observation {
  const frame = (camera: string, grey: number) => ({
    camera,
    time,
    width,
    height,
    data: new Uint8Array(width * height * 3).fill(grey),
  });
  return {
    time,
    first,
    state: Float32Array.from(state),
    cameras: greys.map(([current, previous], i) => {
      const { name } = TEST_CAMERAS[i] as (typeof TEST_CAMERAS)[number];
      return { current: frame(name, current), previous: frame(name, previous) };
    }),
  };
}

const BLACK = [
  [0, 0],
  [0, 0],
  [0, 0],
] as const;

describe('Policy', () => {
  it('turns an observation into a chunk in robot units', async () => {
    const policy = await open({ bias: [10, 20], slope: 0.5, stateGain: 2, imageGain: 1, motionGain: 100 });
    const greys = [
      [51, 51],
      [102, 0],
      [255, 204],
    ] as const;
    const { chunk, runMs, views } = await policy.infer(observe(3.25, greys));

    expect(policy.provider).toBe('cpu');
    expect(chunk).toMatchObject({ time: 3.25, dt: 0.05, length: 20, width: 7 });
    expect(chunk.actions).toHaveLength(140);
    const images = 0.2 + 0.4 + 1 + 100 * (0.4 + 0.2);
    for (let k = 0; k < 20; k++) {
      for (let j = 0; j < 7; j++) {
        const expected = ([10, 20][j] ?? 0) + 0.5 * k + 2 * (j + 1) + images;
        expect(chunk.actions[k * 7 + j]).toBeCloseTo(expected, 3);
      }
    }
    expect(runMs).toBeGreaterThan(0);
    expect(views.size).toBe(0);
  });

  it('passes NaN on: judging actions is the safety stage’s work', async () => {
    const policy = await open({ bias: [Number.NaN] });
    const { chunk } = await policy.infer(observe(0, BLACK));
    expect(chunk.actions[0]).toBeNaN();
    expect(chunk.actions[1]).toBe(2);
  });

  it('does not keep the frames it was given', async () => {
    const policy = await open({ stateGain: 0, imageGain: 1 });
    const observation = observe(0, [
      [255, 0],
      [0, 0],
      [0, 0],
    ]);
    const inference = policy.infer(observation);
    for (const { current } of observation.cameras) current.data.fill(255);
    observation.state.fill(100);
    expect((await inference).chunk.actions[0]).toBeCloseTo(1, 5);
  });

  it('fetches the views asked for, and no others', async () => {
    const policy = await open({ views: true });
    const greys = [
      [255, 0],
      [0, 0],
      [0, 51],
    ] as const;
    const { views } = await policy.infer(observe(0, greys), { views: ['flow_head', 'flow_wrist_detail'] });
    expect([...views.keys()]).toEqual(['flow_head', 'flow_wrist_detail']);
    const head = views.get('flow_head');
    expect(head?.shape).toEqual([1, 2, 8, 8]);
    expect(head?.data).toHaveLength(128);
    expect(head?.data[0]).toBeCloseTo(-0.2, 6);
    expect(views.get('flow_wrist_detail')?.data[127]).toBeCloseTo(1, 6);
    await expect(policy.infer(observe(0, greys), { views: ['heat'] })).rejects.toThrow(
      new UserError(
        "policy test has no view 'heat'; it has flow_wrist_detail, flow_wrist_context, flow_head",
      ),
    );
  });

  it('carries memory from run to run, and starts it anew with the episode', async () => {
    const policy = await open({ memory: true, stateGain: 0, firstGain: 1000 });
    const counts: (number | undefined)[] = [];
    for (const first of [false, false, true, false, false, true, true]) {
      counts.push((await policy.infer(observe(0, BLACK, { first }))).chunk.actions[0]);
    }
    expect(counts).toEqual([1, 2, 1001, 2, 3, 1001, 1001]);
  });

  it('computes runs that were asked for at once in order, each from its own buffers', async () => {
    const policy = await open({ memory: true, stateGain: 0, imageGain: 10 });
    const runs = [0, 51, 102, 255].map((grey) => policy.infer(observe(grey, [[grey, 0], ...BLACK.slice(1)])));
    const results = await Promise.all(runs);
    expect(results.map(({ chunk }) => chunk.time)).toEqual([0, 51, 102, 255]);
    [1, 4, 7, 14].forEach((expected, i) => {
      expect(results[i]?.chunk.actions[0]).toBeCloseTo(expected, 4);
    });
  });

  it('keeps earlier chunks unchanged while it reuses buffers', async () => {
    const policy = await open();
    const early = await policy.infer(observe(0, BLACK, { state: [1, 1, 1, 1, 1, 1, 1] }));
    await policy.infer(observe(1, BLACK, { state: [2, 2, 2, 2, 2, 2, 2] }));
    expect(new Set(early.chunk.actions)).toEqual(new Set([1]));
  });

  it('allocates no image buffers once it runs', async () => {
    const policy = await open();
    const observation = observe(0, BLACK);
    await policy.infer(observation);
    const created: number[] = [];
    const Original = globalThis.ArrayBuffer;
    globalThis.ArrayBuffer = new Proxy(Original, {
      construct: (target, args: [number]) => {
        created.push(args[0]);
        return new target(...args);
      },
    });
    try {
      for (let i = 0; i < 5; i++) await policy.infer(observation);
    } finally {
      globalThis.ArrayBuffer = Original;
    }
    expect(created).toEqual([]);
  });

  it('keeps the event loop turning while it runs', async () => {
    const policy = await open({ slowness: 8 });
    let done = false;
    const inference = policy.infer(observe(0, BLACK)).finally(() => {
      done = true;
    });
    let turns = 0;
    while (!done) {
      await new Promise((resolve) => setImmediate(resolve));
      turns++;
    }
    // A session on this thread would allow a turn or two; a free loop turns thousands of times.
    expect(turns).toBeGreaterThan(100);
    expect((await inference).chunk.actions[6]).toBe(7);
  });

  it('takes frames of any size, whether they are new or were seen in the run before', async () => {
    const policy = await open({ stateGain: 0, imageGain: 1, motionGain: 100 });
    const cameras = observe(0, BLACK).cameras;
    const show = (time: number, width: number, height: number, value: number) => {
      const [eye] = observe(time, [[value, value]], { width, height }).cameras;
      return eye?.current as Frame;
    };
    const black = show(0, 96, 96, 0);
    const [wide, tall, grey] = [show(0, 640, 480, 51), show(1, 96, 300, 102), show(2, 8, 8, 153)];
    const answers: (number | undefined)[] = [];
    for (const [current, previous] of [
      [wide, wide],
      [tall, wide],
      [grey, wide],
      [black, grey],
      [wide, tall],
    ] as const) {
      const observation = { ...observe(0, BLACK), cameras: [{ current, previous }, ...cameras.slice(1)] };
      answers.push((await policy.infer(observation)).chunk.actions[0]);
    }
    const expected = [0.2, 0.4 + 20, 0.6 + 40, 0 - 60, 0.2 - 20];
    for (const [i, answer] of answers.entries()) expect(answer).toBeCloseTo(expected[i] as number, 3);
  });

  it('answers the same of frames it has foreseen, rightly or wrongly', async () => {
    const policy = await open({ stateGain: 0, imageGain: 1, motionGain: 100 });
    const observations = [51, 102, 255, 0, 204].map((grey, i, greys) => {
      const before = greys[Math.max(0, i - 1)] as number;
      return observe(
        i,
        TEST_CAMERAS.map(() => [grey, before] as const),
      );
    });
    const plain: Float32Array[] = [];
    for (const observation of observations) plain.push((await policy.infer(observation)).chunk.actions);
    const foreseen: Float32Array[] = [];
    for (const [i, observation] of observations.entries()) {
      const other = observations[(i + 2) % observations.length] as Observation;
      if (i % 2 === 0) policy.foresee(1, other.cameras[1]?.current as Frame);
      for (const [c, { current }] of observation.cameras.entries())
        if (c !== i % 3) policy.foresee(c, current);
      foreseen.push((await policy.infer(observation)).chunk.actions);
    }
    expect(foreseen).toEqual(plain);
  });

  it('moves pixels that it may, once everybody who listens has been told of the frame', async () => {
    const policy = await open({ stateGain: 0, imageGain: 1, motionGain: 100 });
    const length = () => frames.map(({ data }) => data.length);
    const frames = [51, 102, 255].map((grey, time): Frame => {
      const [eye] = observe(time, [[grey, grey]], { width: 160, height: 120 }).cameras;
      return { ...(eye?.current as Frame), movable: true };
    });
    const [one, two, three] = frames as [Frame, Frame, Frame];
    const size = one.data.length;
    const cameras = observe(0, BLACK).cameras.slice(1);
    const answer = async (current: Frame, previous: Frame, views: string[] = []) => {
      const inference = policy.infer(
        { ...observe(current.time, BLACK), cameras: [{ current, previous }, ...cameras] },
        { views },
      );
      const now = length();
      const { chunk, views: seen } = await inference;
      return { action: chunk.actions[0] as number, now, seen: seen.get('wrist_detail')?.data[0] };
    };
    const first = await answer(one, one, ['wrist_detail']);
    expect(first.action).toBeCloseTo(0.2, 5);
    expect(first.now).toEqual([size, size, size]);
    expect(first.seen).toBe(51);
    expect(length()).toEqual([0, size, size]);
    policy.foresee(0, two);
    expect(length()).toEqual([0, size, size]);
    await Promise.resolve();
    expect(length()).toEqual([0, 0, size]);
    expect((await answer(two, one)).action).toBeCloseTo(0.4 + 20, 3);
    expect((await answer(three, two)).action).toBeCloseTo(1 + 60, 3);
    expect(length()).toEqual([0, 0, 0]);
  });

  it('converts what is not rgb8 yet', async () => {
    const policy = await open({ stateGain: 0, imageGain: 1 });
    const { cameras, ...rest } = observe(0, BLACK);
    const layout = { encoding: 'mono8', step: 100, bigEndian: false };
    const raw = { layout, bytes: new Uint8Array(100 * 96).fill(51) };
    const current: Frame = {
      ...{ camera: 'wrist_detail', time: 0, width: 96, height: 96, raw },
      get data(): Uint8Array {
        throw new Error('converted on the caller’s thread');
      },
    };
    const observation = { ...rest, cameras: [{ current, previous: current }, ...cameras.slice(1)] };
    expect((await policy.infer(observation)).chunk.actions[0]).toBeCloseTo(0.2, 5);
  });

  it('refuses frames that are not of their size, and observations of another shape', async () => {
    const policy = await open();
    const { cameras, ...rest } = observe(0, BLACK);
    const [{ current }] = cameras as [Observation['cameras'][number]];
    const cut = { ...current, data: current.data.subarray(3) };
    const pair = { current: cut, previous: cut };
    await expect(policy.infer({ ...rest, cameras: [pair, ...cameras.slice(1)] })).rejects.toThrow(
      new UserError(
        'camera wrist_detail gave an image of 27645 bytes where 96×96 rgb8 has 27648: check its size and encoding',
      ),
    );
    await expect(policy.infer(observe(0, BLACK.slice(1)))).rejects.toThrow(
      'has 3 cameras and 7 joints, not 2 and 7',
    );
    await expect(policy.infer(observe(0, BLACK, { state: [1] }))).rejects.toThrow('not 3 and 1');
  });

  it('rejects what waits when it is closed, and closes twice', async () => {
    const policy = await open({ slowness: 4 });
    const waiting = expect(policy.infer(observe(0, BLACK))).rejects.toThrow('the policy is closed');
    await Promise.all([policy.close(), policy.close()]);
    await waiting;
    await expect(policy.infer(observe(0, BLACK))).rejects.toThrow('the policy is closed');
  });

  it('gives the same bits whichever instance runs it', async () => {
    const bias = [0.1, 0.2, 0.3];
    const [one, two] = await Promise.all([open({ bias, imageGain: 0.7 }), open({ bias, imageGain: 0.7 })]);
    const observation = observe(0, [
      [13, 7],
      [200, 3],
      [90, 91],
    ]);
    const [a, b] = await Promise.all([one.infer(observation), two.infer(observation)]);
    expect(a.chunk.actions).toEqual(b.chunk.actions);
  });
});

describe('Policy, when its thread dies', () => {
  /** The policy, and what kills its present thread. */
  async function mortal(policy: Partial<TestPolicy> = {}) {
    const workers: Worker[] = [];
    const note = (worker: Worker) => workers.push(worker);
    process.on('worker', note);
    onTestFinished(() => void process.off('worker', note));
    const loaded = await open(policy);
    return { policy: loaded, workers, kill: () => workers.at(-1)?.terminate() };
  }

  it('fails the run under way and the rest of the episode, then serves the next one', async () => {
    const { policy, workers, kill } = await mortal({ memory: true, stateGain: 0 });
    await policy.infer(observe(0, BLACK, { first: true }));
    // Ended first: a thread that is stopped within onnxruntime's own code takes the process with it.
    const death = kill();
    const lost = policy.infer(observe(0.05, BLACK)).catch((error: Error) => error.message);
    await death;
    expect(await lost).toBe('the inference thread ended with exit code 1');
    await expect(policy.infer(observe(0.1, BLACK))).rejects.toThrow(
      'the inference thread died in this episode; it is started anew for the next one',
    );
    const { chunk } = await policy.infer(observe(1, BLACK, { first: true }));
    const fresh = await open({ memory: true, stateGain: 0, slowness: 0 });
    expect(chunk.actions).toEqual((await fresh.infer(observe(1, BLACK, { first: true }))).chunk.actions);
    await policy.infer(observe(1.05, BLACK));
    expect(policy.restarts).toBe(1);
    expect(workers.length).toBeGreaterThanOrEqual(2);
  });

  it('starts anew when it died while nobody asked', async () => {
    const { policy, kill } = await mortal();
    await kill();
    await policy.infer(observe(0, BLACK, { first: true }));
    expect(policy.restarts).toBe(1);
  });

  it('says why it cannot start again, and tries once more', async () => {
    const { policy, kill } = await mortal();
    const { file } = policy.bundle.graph;
    const bytes = readFileSync(file);
    rmSync(file);
    await kill();
    await expect(policy.infer(observe(0, BLACK, { first: true }))).rejects.toThrow(
      /graph .* cannot be loaded/,
    );
    writeFileSync(file, bytes);
    await policy.infer(observe(0, BLACK, { first: true }));
    expect(policy.restarts).toBe(2);
  });

  it('stays closed', async () => {
    const { policy, kill } = await mortal();
    await kill();
    await policy.close();
    await expect(policy.infer(observe(0, BLACK, { first: true }))).rejects.toThrow('the policy is closed');
  });
});

describe('Policy.load', () => {
  const last = () => path.join(root, `bundle${bundles - 1}`);
  async function refusal(policy: Partial<TestPolicy>, changes: BundleChanges): Promise<string> {
    const error = await open(policy, changes).catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(UserError);
    return (error as UserError).message;
  }

  it('refuses a file that is no graph', async () => {
    expect(await refusal({}, { graph: Buffer.from('not a graph') })).toMatch(
      new RegExp(`^graph ${last()}/policy.onnx cannot be loaded: .*Protobuf parsing failed`),
    );
  });

  it('refuses a graph that does not fit its manifest', async () => {
    const graph = policyGraph({ ...DEFAULT_POLICY, chunk: 10 });
    expect(await refusal({}, { graph })).toBe(
      `graph ${last()}/policy.onnx does not fit ${last()}/policy.yaml: action.output is action, which must be float32 [1, 20, 7], but in the graph it is float32 [1, 10, 7]`,
    );
  });

  it('refuses a graph whose images have another size', async () => {
    const cameras = TEST_CAMERAS.map((camera) => ({ ...camera, width: 64 }));
    expect(await refusal({}, { graph: policyGraph({ ...DEFAULT_POLICY, cameras }) })).toContain(
      'cameras[0].inputs.current is wrist_detail, which must be uint8 [1, 96, 96, 3], but in the graph it is uint8 [1, 96, 64, 3]',
    );
  });

  it('refuses a float16 edge', async () => {
    const graph = policyGraph({ ...DEFAULT_POLICY, views: true });
    const nodes = graph.nodes.map((node) =>
      node.outputs[0] === 'flow_head' ? { ...node, outputs: ['wide'] } : node,
    );
    nodes.push({ op: 'Cast', inputs: ['wide'], outputs: ['flow_head'], attributes: { to: 10 } });
    const outputs = graph.outputs.map((output) =>
      output.name === 'flow_head' ? { ...output, dtype: 'float16' as const } : output,
    );
    expect(await refusal({ views: true }, { graph: { ...graph, nodes, outputs } })).toContain(
      'views[2].output is flow_head, which must be float32 [1, 2, ?, ?], but in the graph it is float16',
    );
  });

  it('refuses a graph whose open dimensions turn out otherwise', async () => {
    const graph = policyGraph(DEFAULT_POLICY);
    // Rows that only a run can tell: the shape is computed from the state.
    const nodes = [
      { op: 'ReduceMean', inputs: ['state'], outputs: ['mean'], attributes: { keepdims: 0 } },
      { op: 'Mul', inputs: ['mean', 'zero'], outputs: ['nothing'] },
      { op: 'Add', inputs: ['nothing', 'size'], outputs: ['size_float'] },
      { op: 'Cast', inputs: ['size_float'], outputs: ['size_int'], attributes: { to: 7 } },
      { op: 'Expand', inputs: ['zero', 'size_int'], outputs: ['action'] },
    ];
    const initializers = [float32('zero', [1], [0]), float32('size', [3], [1, 10, 7])];
    const outputs = [{ name: 'action', dtype: 'float32' as const, shape: [1, 'rows', 7] }];
    expect(await refusal({}, { graph: { inputs: graph.inputs, nodes, initializers, outputs } })).toMatch(
      new RegExp(`^graph ${last()}/policy.onnx fails on black images: \\S`),
    );
  });

  it('refuses an unknown provider', async () => {
    const { dir } = writeBundle(path.join(root, 'provider'));
    await expect(Policy.load(await loadBundle(dir), { provider: 'gpu' })).rejects.toThrow(
      new UserError(
        "provider 'gpu' is unknown; use auto, or one or more of cpu, cuda, tensorrt, webgpu with commas between them",
      ),
    );
  });
});
