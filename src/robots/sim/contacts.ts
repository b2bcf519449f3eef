/** What touches what. */
import type { Scene } from './mujoco.js';

/** Geoms that touch `geom` as the scene stands (after `mj_forward`). */
export function touching(scene: Scene, geom: number): Set<number> {
  const found = new Set<number>();
  const contacts = scene.data.contact;
  for (let i = 0; i < contacts.size(); i++) {
    const contact = contacts.get(i);
    if (!contact) continue;
    if (contact.dist < scene.touch) {
      if (contact.geom1 === geom) found.add(contact.geom2);
      else if (contact.geom2 === geom) found.add(contact.geom1);
    }
    contact.delete();
  }
  contacts.delete();
  return found;
}
