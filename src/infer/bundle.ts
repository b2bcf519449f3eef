/** A policy bundle as plain readonly values. The file format is docs/policy-bundle.md, the parsing `load.ts`. */
import type { CameraRole } from '../contract/contract.js';
import type { StrategySpec } from '../contract/strategy.js';

/** Element types at the graph's edge. float16 stays inside the graph: onnxruntime-node passes it unreliably. */
export const EDGE_DTYPES = ['uint8', 'float32', 'bool', 'int64'] as const;
export type EdgeDtype = (typeof EDGE_DTYPES)[number];

export interface BundleCamera {
  readonly name: string;
  readonly role: CameraRole;
  /** Pixels. */
  readonly width: number;
  readonly height: number;
  /** Graph inputs, uint8 [1, height, width, 3]. Without `previous` the policy looks at single frames. */
  readonly inputs: { readonly current: string; readonly previous?: string | undefined };
}

/** One tensor that is carried from run to run: what `output` gives is fed to `input` next time. */
export interface MemoryPair {
  readonly input: string;
  readonly output: string;
  readonly dtype: EdgeDtype;
  readonly shape: readonly number[];
  /** Every element's value at the start of an episode. */
  readonly initial: number;
}

/** An output worth looking at, fetched only when asked for. All float32. */
export type ViewSpec =
  /** Optical flow [1, 2, h, w]: x and y displacement in pixels, divided by `rangePx`. */
  | { readonly kind: 'flow'; readonly output: string; readonly camera: string; readonly rangePx: number }
  /** M channels [1, 4, h, w], P channels [1, 5, h, w]. */
  | { readonly kind: 'm' | 'p'; readonly output: string; readonly camera: string }
  /** Attention [1, query cells of `camera`, key cells of `source`]; `grid` is rows, columns of the key cells. */
  | {
      readonly kind: 'attention';
      readonly output: string;
      readonly camera: string;
      readonly source: string;
      readonly grid: readonly [number, number];
    };

export interface PolicyBundle {
  /** Absolute paths; `manifestFile` is what error messages name. */
  readonly dir: string;
  readonly manifestFile: string;
  readonly graph: { readonly file: string; readonly sha256: string; readonly bytes: number };
  readonly name: string;
  readonly task: string;
  /** One row of a chunk is 1/rateHz s. */
  readonly rateHz: number;
  /** In the order of an observation's cameras. */
  readonly cameras: readonly BundleCamera[];
  /** The order of state and actions: "bundle joint order". */
  readonly joints: readonly string[];
  /** Graph input, float32 [1, joints]. */
  readonly state: { readonly input: string };
  /** Graph output, float32 [1, chunk, joints]. */
  readonly action: { readonly output: string; readonly chunk: number; readonly kind: 'joint_position' };
  readonly memory: {
    /** Graph input, bool [1]: true on an episode's first run. */
    readonly first?: string | undefined;
    readonly pairs: readonly MemoryPair[];
  };
  readonly views: readonly ViewSpec[];
  /** What measured best. */
  readonly strategy: StrategySpec;
  /** Free-form. */
  readonly provenance: Readonly<Record<string, unknown>>;
}
