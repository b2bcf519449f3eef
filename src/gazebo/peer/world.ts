/** The services of a Gazebo world, as ros_gz_bridge offers them. */
import { UserError } from '../../errors.js';
import type { ServiceClient } from '../../robots/ros2/rosNode.js';
import type { Placement } from '../../robots/sim/referee.js';
import { WORLD_SERVICES, type WorldService, worldService } from '../names.js';
import type { Graph } from './graph.js';

/** Wall time (s) for an answer: a world that does not give one is not there, or its bridge is not. */
const TIMEOUT_S = 10;
/** ros_gz_interfaces/msg/Entity */
const MODEL = 2;

export class World {
  readonly #name: string;
  readonly #clients: ReadonlyMap<WorldService, ServiceClient>;

  /** @throws UserError where ros_gz_interfaces is not installed */
  constructor(graph: Graph, name: string) {
    this.#name = name;
    this.#clients = new Map(
      (Object.keys(WORLD_SERVICES) as WorldService[]).map((service) => [
        service,
        graph.client(WORLD_SERVICES[service], worldService(name, service)),
      ]),
    );
  }

  /** Services that nobody offers. */
  missing(): string[] {
    return [...this.#clients]
      .filter(([, client]) => !client.available)
      .map(([service]) => worldService(this.#name, service));
  }

  /** Time goes on by itself. */
  async run(): Promise<void> {
    await this.control(control(false, 0));
  }

  /** Time goes on by so many steps of the physics, then stands. Answered before they are done. */
  async step(steps: number): Promise<void> {
    await this.control(control(true, steps));
  }

  /** @param request of ros_gz_interfaces/srv/ControlWorld */
  async control(request: object): Promise<void> {
    await this.#call('control', request);
  }

  async setPose(name: string, placement: Placement): Promise<void> {
    await this.#call('set_pose', { entity: model(name), pose: pose(placement) });
  }

  /** @param sdf the model's description */
  async create(name: string, sdf: string, placement: Placement): Promise<void> {
    await this.#call('create', {
      entity_factory: {
        name,
        allow_renaming: false,
        sdf,
        sdf_filename: '',
        clone_name: '',
        pose: pose(placement),
        relative_to: 'world',
      },
    });
  }

  async remove(name: string): Promise<void> {
    await this.#call('remove', { entity: model(name) });
  }

  close(): void {
    for (const client of this.#clients.values()) client.close();
  }

  async #call(service: WorldService, request: object): Promise<void> {
    const client = this.#clients.get(service) as ServiceClient;
    const reply = (await client.call(request, { timeoutS: TIMEOUT_S })) as { readonly success?: boolean };
    if (!reply.success)
      throw new UserError(`Gazebo refuses what ${worldService(this.#name, service)} asks for`);
  }
}

function control(pause: boolean, steps: number): object {
  return {
    world_control: {
      pause,
      step: false,
      multi_step: steps,
      reset: { all: false, time_only: false, model_only: false },
      seed: 0,
      run_to_sim_time: { sec: 0, nanosec: 0 },
    },
  };
}

function model(name: string): object {
  // A uint64; found by its name.
  return { id: 0n, name, type: MODEL };
}

function pose({ position, orientation }: Placement): object {
  const [x, y, z] = position;
  const [qx, qy, qz, qw] = orientation;
  return { position: { x, y, z }, orientation: { x: qx, y: qy, z: qz, w: qw } };
}
