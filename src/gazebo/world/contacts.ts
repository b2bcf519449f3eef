/** Which geoms can touch, and how much they rub. */
import type { BodyDescription, GeomDescription, SceneDescription } from '../../robots/sim/description.js';

export interface Contacts {
  /** Those that touch something of another model. */
  readonly solid: ReadonlySet<GeomDescription>;
  /**
   * Sliding friction of each. MuJoCo takes the greater one of two, DART the lesser: so here a thing on the table has
   * the greatest that it has with anything, and everything else what it has with such a thing.
   */
  readonly friction: ReadonlyMap<GeomDescription, number>;
}

export function contactsOf({ bodies }: SceneDescription): Contacts {
  const geoms = bodies.flatMap((body, index) =>
    body.geoms.map((geom) => ({ geom, body, model: modelOf(bodies, index), fixed: isFixed(bodies, index) })),
  );
  const solid = new Set<GeomDescription>();
  for (const a of geoms)
    for (const b of geoms)
      if (a.model !== b.model && !(a.fixed && b.fixed) && touch(a.geom, b.geom)) solid.add(a.geom);

  const things = geoms.filter(({ body }) => body.motion === 'free').map(({ geom }) => geom);
  const isThing = new Set(things);
  const most = (geom: GeomDescription, others: readonly GeomDescription[]): number =>
    Math.max(geom.friction, ...others.filter((other) => touch(geom, other)).map((other) => other.friction));
  const friction = new Map(
    geoms.map(({ geom }) => [
      geom,
      most(geom, isThing.has(geom) ? geoms.map((other) => other.geom) : things),
    ]),
  );
  return { solid, friction };
}

/** MuJoCo's rule. */
function touch({ collides: a }: GeomDescription, { collides: b }: GeomDescription): boolean {
  return (a.type & b.affinity) !== 0 || (b.type & a.affinity) !== 0;
}

/** Index of the body right below the world that a body hangs on. */
export function modelOf(bodies: readonly BodyDescription[], index: number): number {
  const { parent } = bodies[index];
  return parent === undefined || parent === 0 ? index : modelOf(bodies, parent);
}

/** True of what nothing moves. */
function isFixed(bodies: readonly BodyDescription[], index: number): boolean {
  const { parent, motion } = bodies[index];
  return motion === 'fixed' && (parent === undefined || isFixed(bodies, parent));
}
