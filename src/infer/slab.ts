/**
 * One buffer holds all of a run's inputs and its action, so that a single transfer carries a run to the
 * worker and back: images (uint8, bundle order, current then previous), then state and action (float32).
 * Both threads derive the same layout from the bundle.
 */
import type { PolicyBundle } from './bundle.js';

export interface Region {
  /** Graph input or output. */
  readonly name: string;
  readonly shape: readonly number[];
  /** Bytes from the slab's start. */
  readonly offset: number;
  /** Elements. */
  readonly length: number;
}

export interface SlabLayout {
  /** Per camera, bundle order. */
  readonly cameras: readonly { readonly current: Region; readonly previous?: Region }[];
  readonly state: Region;
  readonly action: Region;
  readonly byteLength: number;
}

export function slabLayout({ cameras, joints, state, action }: PolicyBundle): SlabLayout {
  let end = 0;
  const region = (name: string, shape: readonly number[], elementBytes: number): Region => {
    const offset = Math.ceil(end / elementBytes) * elementBytes;
    const length = shape.reduce((product, size) => product * size, 1);
    end = offset + length * elementBytes;
    return { name, shape, offset, length };
  };
  const images = cameras.map(({ inputs: { current, previous }, height, width }) => {
    const shape = [1, height, width, 3];
    return {
      current: region(current, shape, 1),
      ...(previous && { previous: region(previous, shape, 1) }),
    };
  });
  const stateRegion = region(state.input, [1, joints.length], 4);
  const actionRegion = region(action.output, [1, action.chunk, joints.length], 4);
  return { cameras: images, state: stateRegion, action: actionRegion, byteLength: end };
}
