/** The schema of `policy.yaml` (docs/policy-bundle.md): checks a manifest and turns its keys to camelCase. */
import { z } from 'zod';
import { CAMERA_ROLES } from '../contract/contract.js';
import { count, distinct, name, pixels, positive, strategy } from '../contract/schema.js';
import { EDGE_DTYPES } from './bundle.js';

const graph = z.strictObject({
  file: z.string().regex(/^[^/\\]+$/, 'must be the name of a file beside the manifest'),
  sha256: z.string().regex(/^[0-9a-f]{64}$/, 'must be 64 lower-case hexadecimal digits'),
});

const camera = z.strictObject({
  name,
  role: z.enum(CAMERA_ROLES),
  width: pixels,
  height: pixels,
  inputs: z.strictObject({ current: name, previous: name.optional() }),
});

const joints = z.array(name).min(1);

const memoryPair = z
  .strictObject({
    input: name,
    output: name,
    dtype: z.enum(EDGE_DTYPES),
    shape: z.array(count),
    initial: z.number(),
  })
  .refine(({ dtype, initial }) => dtype === 'float32' || Number.isSafeInteger(initial), {
    path: ['initial'],
    error: 'must be a whole number, as its dtype is',
  });

const memory = z.strictObject({ first: name.optional(), pairs: z.array(memoryPair).default([]) });

const view = z.discriminatedUnion('kind', [
  z
    .strictObject({ kind: z.literal('flow'), output: name, camera: name, range_px: positive })
    .transform(({ range_px, ...rest }) => ({ ...rest, rangePx: range_px })),
  z.strictObject({ kind: z.literal('m'), output: name, camera: name }),
  z.strictObject({ kind: z.literal('p'), output: name, camera: name }),
  z.strictObject({
    kind: z.literal('attention'),
    output: name,
    camera: name,
    source: name,
    grid: z.tuple([count, count]),
  }),
]);

const shape = z.strictObject({
  format: z.literal('saccade-policy'),
  version: z.literal(1),
  name,
  task: name,
  rate_hz: positive,
  graph,
  cameras: z.array(camera).min(1).superRefine(distinct('name')),
  state: z.strictObject({ input: name, joints }),
  action: z.strictObject({ output: name, joints, chunk: count, kind: z.literal('joint_position') }),
  memory: memory.default({ pairs: [] }),
  views: z.array(view).superRefine(distinct('output')).default([]),
  strategy,
  provenance: z.record(z.string(), z.unknown()).default({}),
});

/** What one part of a manifest says of another. */
function coherent(manifest: z.infer<typeof shape>, context: z.RefinementCtx): void {
  const refuse = (path: PropertyKey[], message: string) =>
    context.addIssue({ code: 'custom', path, message });
  const { cameras, state, action, views, strategy } = manifest;

  const repeated = state.joints.findIndex((joint, i) => state.joints.indexOf(joint) < i);
  if (repeated >= 0) refuse(['state', 'joints', repeated], 'must differ from those before it');
  if (action.joints.join() !== state.joints.join()) {
    refuse(
      ['action', 'joints'],
      `must name the joints of state.joints in the same order (${state.joints.join(', ')})`,
    );
  }
  if (strategy.name === 'receding' && strategy.steps > action.chunk) {
    refuse(['strategy', 'steps'], `must be at most action.chunk, ${action.chunk}`);
  }
  const names = cameras.map((camera) => camera.name);
  views.forEach((view, i) => {
    const must = `must be one of the cameras ${names.join(', ')}`;
    if (!names.includes(view.camera)) refuse(['views', i, 'camera'], must);
    if (view.kind === 'attention' && !names.includes(view.source)) refuse(['views', i, 'source'], must);
  });
}

export const manifestSchema = shape
  .superRefine(coherent)
  .transform(({ rate_hz, state, action, ...rest }) => ({
    ...rest,
    rateHz: rate_hz,
    joints: state.joints,
    state: { input: state.input },
    action: { output: action.output, chunk: action.chunk, kind: action.kind },
  }));
