/** What keeps episodes from being run in Gazebo, as `/diagnostics` says it: topics and services that are missing, by name. */
import type { DiagnosticArray } from '../../messages/types.js';
import type { Drive } from './drive.js';
import type { Sightings } from './sightings.js';
import type { World } from './world.js';

type Status = DiagnosticArray['status'][number];

const OK = 0;
const ERROR = 2;
/** Silent for so long (s of wall time) is gone. */
const SILENT_S = 2;

export interface Diagnosed {
  readonly sightings: Pick<Sightings, 'silent'>;
  readonly drive: Pick<Drive, 'unheard'>;
  readonly world: Pick<World, 'missing'>;
}

export function diagnose({ sightings, drive, world }: Diagnosed): Status[] {
  const { unheard } = drive;
  const missing = world.missing();
  return [
    status('sightings', sightings.silent(SILENT_S)),
    status(
      'controllers',
      unheard.map((topic) => `nobody listens on ${topic}`),
    ),
    status(
      'world',
      missing.map((service) => `nobody offers ${service}`),
    ),
  ];
}

function status(part: string, problems: readonly string[]): Status {
  return {
    level: problems.length > 0 ? ERROR : OK,
    name: `gazebo_peer: ${part}`,
    message: problems.length > 0 ? problems.join('; ') : 'ok',
    hardware_id: '',
    values: [],
  };
}
