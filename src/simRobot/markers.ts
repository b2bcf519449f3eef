/** Shapes as visualization_msgs/Marker. */
import type { Marker, Time } from '../messages/types.js';
import type { Shape } from '../robots/sim/shapes.js';

/** The frame all is in; what RViz and Foxglove are to have as their fixed frame. */
const WORLD_FRAME = 'world';

const TYPES = { box: 1, sphere: 2, cylinder: 3 } as const;
const NO_TIME = { sec: 0, nanosec: 0 };
const NOTHING = new Uint8Array();

/** Every shape keeps its place in the list, so each newer list replaces the older. */
export function markers(shapes: readonly Shape[], stamp: Time): Marker[] {
  return shapes.map(({ kind, size, position, orientation, colour }, id) => ({
    header: { stamp, frame_id: WORLD_FRAME },
    ns: 'scene',
    id,
    type: TYPES[kind],
    action: 0,
    pose: {
      position: { x: position[0], y: position[1], z: position[2] },
      orientation: { x: orientation[0], y: orientation[1], z: orientation[2], w: orientation[3] },
    },
    scale: { x: size[0], y: size[1], z: size[2] },
    color: { r: colour[0], g: colour[1], b: colour[2], a: 1 },
    lifetime: NO_TIME,
    frame_locked: false,
    points: [],
    colors: [],
    texture_resource: '',
    texture: { header: { stamp: NO_TIME, frame_id: '' }, format: '', data: NOTHING },
    uv_coordinates: [],
    text: '',
    mesh_resource: '',
    mesh_file: { filename: '', data: NOTHING },
    mesh_use_embedded_materials: false,
  }));
}
