/** The qualities of service to publish and subscribe with. */
import type { EndpointInfo } from './rclnodejs.js';
import { BEST_EFFORT, RELIABLE, TRANSIENT_LOCAL, VOLATILE } from './rclnodejs.js';

export interface SubscriptionQos {
  readonly reliability: typeof RELIABLE | typeof BEST_EFFORT;
  readonly durability: typeof TRANSIENT_LOCAL | typeof VOLATILE;
}

/** By purpose; history is "keep last", `depth` messages of it. */
export const QOS = {
  /** Only the newest is worth having: rmw_qos_profile_sensor_data. */
  sensor_data: { reliability: BEST_EFFORT, durability: VOLATILE, depth: 5 },
  /** Nothing may be lost: rmw_qos_profile_default. */
  reliable: { reliability: RELIABLE, durability: VOLATILE, depth: 10 },
  /** The same, of a topic that says something at every step of a simulation: a hundred may come at once. */
  every: { reliability: RELIABLE, durability: VOLATILE, depth: 100 },
  /** Who comes late gets the last one. */
  latched: { reliability: RELIABLE, durability: TRANSIENT_LOCAL, depth: 1 },
} as const satisfies Record<string, SubscriptionQos & { readonly depth: number }>;
export type QosName = keyof typeof QOS;

/**
 * The most that all of a topic's publishers offer: a subscription that asks a publisher for more than it offers
 * gets nothing from it. (The rule of `ros2 bag record`.)
 */
export function matchingQos(publishers: readonly Pick<EndpointInfo, 'qos_profile'>[]): SubscriptionQos {
  const all = (offers: (qos: EndpointInfo['qos_profile']) => boolean) =>
    publishers.length > 0 && publishers.every(({ qos_profile }) => offers(qos_profile));
  return {
    reliability: all((qos) => qos.reliability === RELIABLE) ? RELIABLE : BEST_EFFORT,
    durability: all((qos) => qos.durability === TRANSIENT_LOCAL) ? TRANSIENT_LOCAL : VOLATILE,
  };
}
