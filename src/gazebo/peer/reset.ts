/**
 * Brings Gazebo's world to the start of a seed's episode: the arm at its home pose, at rest, the objects where the
 * embedded task lays them, painted as it paints them. All in simulated time.
 */
import type { RobotContract } from '../../contract/contract.js';
import { UserError } from '../../errors.js';
import { nsToSeconds, secondsToNs } from '../../messages/time.js';
import type { Layout, PlacedObject } from '../../robots/sim/referee.js';
import type { Drive } from './drive.js';
import type { Sightings } from './sightings.js';
import type { World } from './world.js';

/** The arm is driven home at this share of the speed that the contract allows it. */
const SPEED = 0.5;
/** From one command or look to the next, s. */
const PERIOD_S = 0.02;
/** At home: rad or m from it, and rad/s or m/s. */
const HOME = { rad: 0.01, speed: 0.05 };
/** What the joints are given to come to rest, and the objects to lie still, s. */
const SETTLE_S = 3;
/** An object lies where it was put, m, and still, m/s. */
const LIES = { m: 0.003, speed: 0.01 };

export interface ResetOptions {
  readonly contract: RobotContract;
  readonly sightings: Sightings;
  readonly world: World;
  readonly drive: Drive;
  /** Description of an object, in the colours of the layout. */
  readonly sdf: (object: string) => Promise<string>;
  /** One step of the physics, s, where the world is stepped; absent where it runs by itself. */
  readonly stepS: number | undefined;
}

export class Reset {
  readonly #options: ResetOptions;

  constructor(options: ResetOptions) {
    this.#options = options;
  }

  /** @throws UserError: one sentence that says what is missing, or does not come about */
  async run({ home, objects }: Layout): Promise<void> {
    const { world, drive, sightings, stepS } = this.#options;
    if (stepS === undefined) await world.run();
    else await world.step(1);
    await sightings.until(() => sightings.joints !== undefined);
    drive.resetting = true;
    try {
      // Out of the arm's way, and out of its grip.
      for (const { name, moves } of objects) if (moves) await world.remove(name);
      await this.#goHome(home);
      await this.#place(objects);
    } finally {
      drive.resetting = false;
    }
  }

  async #goHome(home: readonly number[]): Promise<void> {
    const { contract, drive } = this.#options;
    const start = this.#measured();
    const began = this.#now();
    const seconds = Math.max(
      ...contract.joints.map(({ velocity }, j) => Math.abs(home[j] - start[j]) / (SPEED * velocity)),
      PERIOD_S,
    );
    for (let share = 0; share < 1; ) {
      share = Math.min(1, (this.#now() - began + PERIOD_S) / seconds);
      drive.to(home.map((q, j) => start[j] + share * (q - start[j])));
      await this.#passes(PERIOD_S);
    }
    for (let before = this.#measured(), at = this.#now(); ; ) {
      await this.#passes(PERIOD_S);
      const [now, time] = [this.#measured(), this.#now()];
      const away = contract.joints.filter(
        (_, j) =>
          Math.abs(now[j] - home[j]) > HOME.rad || Math.abs(now[j] - before[j]) > HOME.speed * (time - at),
      );
      if (away.length === 0) return;
      if (time - began > seconds + SETTLE_S) {
        const where = away.map(({ name }) => {
          const j = contract.joints.findIndex((joint) => joint.name === name);
          return `${name} at ${now[j].toFixed(3)} instead of ${home[j].toFixed(3)}`;
        });
        const unheard = drive.unheard.length > 0 ? `; nobody listens on ${drive.unheard.join(', ')}` : '';
        throw new UserError(`the arm does not reach its home pose: ${where.join(', ')}${unheard}`);
      }
      drive.to(home);
      [before, at] = [now, time];
    }
  }

  async #place(objects: readonly PlacedObject[]): Promise<void> {
    const { world, sightings, sdf } = this.#options;
    for (const object of objects)
      if (object.moves) await world.create(object.name, await sdf(object.name), object);
      else await world.setPose(object.name, object);
    sightings.forgetObjects();
    const began = this.#now();
    const moving = objects.filter(({ moves }) => moves);
    for (;;) {
      await this.#passes(PERIOD_S);
      const astray = moving.map((object) => this.#astray(object)).find((clause) => clause !== undefined);
      if (astray === undefined) return;
      if (this.#now() - began > SETTLE_S) throw new UserError(astray);
    }
  }

  /** What is wrong with where an object is, if anything. */
  #astray({ name, position }: PlacedObject): string | undefined {
    const seen = this.#options.sightings.object(name);
    if (!seen) return `${name} was put on the table, and Gazebo does not say where it is`;
    const { motion } = seen;
    const far = Math.hypot(...position.map((p, i) => p - motion.position[i]));
    const at = (place: readonly number[]) => place.map((p) => p.toFixed(3)).join(', ');
    if (far > LIES.m) return `${name} was put at ${at(position)} and is at ${at(motion.position)}`;
    return Math.hypot(...motion.velocity) > LIES.speed ? `${name} does not lie still` : undefined;
  }

  /** Lets simulated time pass. */
  async #passes(seconds: number): Promise<void> {
    const { world, sightings, stepS } = this.#options;
    const until = this.#nowNs() + secondsToNs(seconds);
    if (stepS !== undefined) await world.step(Math.round(seconds / stepS));
    await sightings.until(() => this.#nowNs() >= until);
  }

  #nowNs(): bigint {
    return this.#options.sightings.joints?.timeNs ?? 0n;
  }

  #now(): number {
    return nsToSeconds(this.#nowNs());
  }

  /** Contract joint order. */
  #measured(): number[] {
    const { contract, sightings } = this.#options;
    return contract.joints.map(({ name }) => {
      const position = sightings.joints?.positions.get(name);
      if (position === undefined)
        throw new UserError(
          `joint states on ${contract.jointStates.topics.join(', ')} lack ${name}: the joint state publisher of Gazebo's model is to name it`,
        );
      return position;
    });
  }
}
