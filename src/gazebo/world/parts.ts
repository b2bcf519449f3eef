/** Pieces that every model is made of, in SDF. */
import type { CameraSpec, RobotContract } from '../../contract/contract.js';
import type {
  BodyDescription,
  CameraDescription,
  GeomDescription,
  Pose,
} from '../../robots/sim/description.js';
import type { Contacts } from './contacts.js';
import { gazeboCamera } from './rotation.js';
import { type Element, numbers, xml } from './xml.js';

/** @param frame that it is relative to; the element's own when absent */
export function pose({ position, orientation }: Pose, frame?: string): Element {
  const attributes = { rotation_format: 'quat_xyzw', ...(frame !== undefined && { relative_to: frame }) };
  return xml('pose', attributes, numbers([...position, ...orientation]));
}

export function inertial({ mass, centreOfMass, inertia }: BodyDescription): Element {
  const at = (i: number, j: number): number => inertia[i][j];
  return xml('inertial', [
    xml('pose', numbers([...centreOfMass, 0, 0, 0])),
    xml('mass', mass),
    xml('inertia', [
      xml('ixx', at(0, 0)),
      xml('ixy', at(0, 1)),
      xml('ixz', at(0, 2)),
      xml('iyy', at(1, 1)),
      xml('iyz', at(1, 2)),
      xml('izz', at(2, 2)),
    ]),
  ]);
}

export interface LookFiles {
  readonly mesh: string;
  readonly picture: string;
}

/** The file names of a geom's look, beside the world. */
export const lookFiles = ({ name }: Pick<GeomDescription, 'name'>): LookFiles => ({
  mesh: `meshes/${name}.obj`,
  // Ogre knows pictures by their names alone, whichever folder they are in.
  picture: `textures/saccade_${name}.png`,
});

/** @param files of its look */
export function visual(
  geom: GeomDescription,
  files: (geom: GeomDescription) => LookFiles = lookFiles,
): Element {
  const { mesh, picture } = files(geom);
  return xml('visual', { name: `${geom.name}_visual` }, [
    pose(geom.pose),
    xml('cast_shadows', false),
    xml('geometry', [xml('mesh', [xml('uri', mesh)])]),
    xml('material', [
      xml('ambient', '1 1 1 1'),
      xml('diffuse', '1 1 1 1'),
      xml('specular', '0 0 0 1'),
      xml('pbr', [xml('metal', [xml('albedo_map', picture), xml('roughness', 1), xml('metalness', 0)])]),
    ]),
  ]);
}

export function collision(geom: GeomDescription, { solid, friction }: Contacts): Element | undefined {
  if (!solid.has(geom)) return undefined;
  const mu = friction.get(geom) as number;
  return xml('collision', { name: geom.name }, [
    pose(geom.pose),
    xml('geometry', [primitive(geom)]),
    xml('surface', [xml('friction', [xml('ode', [xml('mu', mu), xml('mu2', mu)])])]),
  ]);
}

function primitive({ kind, size: [a, b, c] }: GeomDescription): Element {
  switch (kind) {
    case 'plane':
      return xml('plane', [xml('normal', '0 0 1'), xml('size', '6 6')]);
    case 'sphere':
      return xml('sphere', [xml('radius', a)]);
    case 'box':
      return xml('box', [xml('size', numbers([2 * a, 2 * b, 2 * c]))]);
    default:
      return xml(kind, [xml('radius', a), xml('length', 2 * b)]);
  }
}

/** The cameras of a body that the contract names. */
export function cameras(all: readonly CameraDescription[], { cameras, rateHz }: RobotContract): Element[] {
  return all.flatMap((camera) => {
    const spec = cameras.find(({ name }) => name === camera.name);
    return spec ? [cameraSensor(camera, spec, rateHz)] : [];
  });
}

function cameraSensor(
  { name, pose: mounted, fovy }: CameraDescription,
  spec: CameraSpec,
  rateHz: number,
): Element {
  const { width, height, topic } = spec;
  return xml('sensor', { name, type: 'camera' }, [
    pose(gazeboCamera(mounted)),
    xml('topic', topic),
    xml('update_rate', rateHz),
    xml('always_on', true),
    xml('camera', { name }, [
      xml('horizontal_fov', 2 * Math.atan((Math.tan(fovy / 2) * width) / height)),
      xml('image', [
        xml('width', width),
        xml('height', height),
        xml('format', 'R8G8B8'),
        // One ray a pixel, through its middle, as the embedded renderer casts them.
        xml('anti_aliasing', 0),
      ]),
      xml('clip', [xml('near', 0.01), xml('far', 10)]),
    ]),
  ]);
}

export function plugin(
  names: { readonly filename: string; readonly name: string },
  ...content: Element[]
): Element {
  return xml('plugin', names, content);
}
