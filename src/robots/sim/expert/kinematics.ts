/** Forward and inverse kinematics of an arm of the scene, through MuJoCo's site Jacobians. */
import type { Scene } from '../mujoco.js';

/**
 * How an arm holds its tool: pointing straight `down`, or `level`, with one finger above the other. What is left to
 * turn is the yaw: of the fingers' direction (the tool's y axis, 0 along +y), or of where the tool points (0 along +x).
 */
export type Approach = 'down' | 'level';

/** Pose of the tool centre point: position (m) and, as the tool is held, yaw (rad). */
export interface ToolPose {
  readonly position: readonly [number, number, number];
  readonly yaw: number;
}

/** The tool's x, y and z axis in the world, from cosine and sine of the yaw; x = y × z. */
const AXES: Readonly<Record<Approach, (c: number, s: number) => number[][]>> = {
  down: (c, s) => [
    [-c, -s, 0],
    [-s, c, 0],
    [0, 0, -1],
  ],
  level: (c, s) => [
    [s, -c, 0],
    [0, 0, -1],
    [c, s, 0],
  ],
};

const DAMPING = 0.02;
const ITERATIONS = 60;
const TOLERANCE = 1e-4;

/** Works on its own copy of the state, so it never disturbs the simulated world. */
export class Kinematics {
  readonly #scene: Scene;
  readonly #site: number;
  readonly #approach: Approach;
  readonly #qpos: number[];
  readonly #dof: number[];
  readonly #range: Array<[number, number]>;
  readonly #jacp;
  readonly #jacr;

  /** @param arm joint names of the chain that moves `site`, base first. */
  constructor(scene: Scene, arm: readonly string[], site: string, approach: Approach) {
    this.#scene = scene.scratch();
    this.#approach = approach;
    const { mj, model } = scene;
    const joints = arm.map((name) => scene.id('joint', name));
    this.#site = scene.id('site', site);
    this.#qpos = joints.map((j) => model.jnt_qposadr[j]);
    this.#dof = joints.map((j) => model.jnt_dofadr[j]);
    this.#range = joints.map((j) => [model.jnt_range[2 * j], model.jnt_range[2 * j + 1]]);
    this.#jacp = new mj.DoubleBuffer(3 * model.nv);
    this.#jacr = new mj.DoubleBuffer(3 * model.nv);
  }

  free(): void {
    this.#jacp.delete();
    this.#jacr.delete();
    this.#scene.free();
  }

  /** Tool pose for arm joints `q` (rad). */
  forward(q: ArrayLike<number>): ToolPose {
    this.#place(q);
    const { site_xpos: p, site_xmat: r } = this.#scene.data;
    const s = this.#site;
    const yaw =
      this.#approach === 'down'
        ? Math.atan2(-r[9 * s + 1], r[9 * s + 4])
        : Math.atan2(r[9 * s + 5], r[9 * s + 2]);
    return { position: [p[3 * s], p[3 * s + 1], p[3 * s + 2]], yaw };
  }

  /**
   * Joints that put the tool at `pose`, held as it is to be: damped least squares (Wampler 1986,
   * Nakamura & Hanafusa 1986) from `start`, within the joint ranges.
   * @returns the joints and the remaining error (m + rad, Euclidean).
   */
  inverse(pose: ToolPose, start: ArrayLike<number>): { q: number[]; error: number } {
    const q = Array.from(start).slice(0, this.#qpos.length);
    const { mj, model, data } = this.#scene;
    const { nv } = model;
    const n = q.length;
    const s = this.#site;
    const axes = AXES[this.#approach](Math.cos(pose.yaw), Math.sin(pose.yaw));
    const e = new Array<number>(6).fill(0);
    let error = Number.POSITIVE_INFINITY;
    for (let iteration = 0; ; iteration++) {
      this.#place(q);
      for (let i = 0; i < 3; i++) {
        e[i] = pose.position[i] - data.site_xpos[3 * s + i];
        e[3 + i] = 0;
      }
      // Orientation error ½ Σ aᵢ × aᵢ* over the three tool axes.
      for (let axis = 0; axis < 3; axis++) {
        const a = [
          data.site_xmat[9 * s + axis],
          data.site_xmat[9 * s + 3 + axis],
          data.site_xmat[9 * s + 6 + axis],
        ];
        const b = axes[axis];
        e[3] += 0.5 * (a[1] * b[2] - a[2] * b[1]);
        e[4] += 0.5 * (a[2] * b[0] - a[0] * b[2]);
        e[5] += 0.5 * (a[0] * b[1] - a[1] * b[0]);
      }
      error = Math.hypot(...e);
      if (error < TOLERANCE || iteration === ITERATIONS) return { q, error };
      mj.mj_jacSite(model, data, this.#jacp, this.#jacr, s);
      const [jp, jr] = [this.#jacp.GetView() as Float64Array, this.#jacr.GetView() as Float64Array];
      const j = (row: number, k: number): number =>
        row < 3 ? jp[row * nv + this.#dof[k]] : jr[(row - 3) * nv + this.#dof[k]];
      // (J Jᵀ + λ² I) y = e, then Δq = Jᵀ y.
      const a = Array.from({ length: 6 }, (_, r) =>
        Array.from({ length: 6 }, (_, col) => {
          let sum = r === col ? DAMPING * DAMPING : 0;
          for (let k = 0; k < n; k++) sum += j(r, k) * j(col, k);
          return sum;
        }),
      );
      const y = solve(a, e);
      for (let k = 0; k < n; k++) {
        let dq = 0;
        for (let r = 0; r < 6; r++) dq += j(r, k) * y[r];
        q[k] = Math.min(
          this.#range[k][1],
          Math.max(this.#range[k][0], q[k] + Math.max(-0.3, Math.min(0.3, dq))),
        );
      }
    }
  }

  #place(q: ArrayLike<number>): void {
    const { mj, model, data } = this.#scene;
    for (let i = 0; i < this.#qpos.length; i++) data.qpos[this.#qpos[i]] = q[i];
    mj.mj_kinematics(model, data);
    mj.mj_comPos(model, data);
  }
}

/** Solves the small dense system a·x = b (Gaussian elimination with partial pivoting). */
function solve(a: number[][], b: readonly number[]): number[] {
  const n = b.length;
  const m = a.map((row, i) => [...row, b[i]]);
  for (let i = 0; i < n; i++) {
    let pivot = i;
    for (let r = i + 1; r < n; r++) if (Math.abs(m[r][i]) > Math.abs(m[pivot][i])) pivot = r;
    [m[i], m[pivot]] = [m[pivot], m[i]];
    for (let r = i + 1; r < n; r++) {
      const f = m[r][i] / m[i][i];
      for (let c = i; c <= n; c++) m[r][c] -= f * m[i][c];
    }
  }
  const x = new Array<number>(n).fill(0);
  for (let i = n - 1; i >= 0; i--) {
    let sum = m[i][n];
    for (let c = i + 1; c < n; c++) sum -= m[i][c] * x[c];
    x[i] = sum / m[i][i];
  }
  return x;
}
