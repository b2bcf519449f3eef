import { describe, expect, it } from 'vitest';
import { matchingQos } from './qos.js';
import { BEST_EFFORT, RELIABLE, TRANSIENT_LOCAL, VOLATILE } from './rclnodejs.js';

const offer = (reliability: number, durability: number) => ({ qos_profile: { reliability, durability } });
const camera = offer(BEST_EFFORT, VOLATILE);
const driver = offer(RELIABLE, VOLATILE);
const latched = offer(RELIABLE, TRANSIENT_LOCAL);

describe('matchingQos', () => {
  it.each([
    ['a camera', [camera], BEST_EFFORT, VOLATILE],
    ['a driver', [driver], RELIABLE, VOLATILE],
    ['a latched topic', [latched], RELIABLE, TRANSIENT_LOCAL],
    ['two latched ones', [latched, latched], RELIABLE, TRANSIENT_LOCAL],
    ['a latched and a live one', [latched, driver], RELIABLE, VOLATILE],
    ['a reliable and a best-effort one', [driver, camera], BEST_EFFORT, VOLATILE],
    ['nobody yet', [], BEST_EFFORT, VOLATILE],
  ])('asks of %s no more than it offers', (_, publishers, reliability, durability) => {
    expect(matchingQos(publishers)).toEqual({ reliability, durability });
  });
});
