import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { JointSpec } from '../contract/contract.js';
import { noInterventions } from './interventions.js';
import { brakingStep, EmergencyStop, Safety } from './safety.js';

const RATE = 20;
const ARM: JointSpec = { name: 'elbow', min: -2.9, max: 2.9, velocity: 3, acceleration: 30 };
const GRIPPER: JointSpec = { name: 'gripper', min: 0, max: 0.04, velocity: 0.2, acceleration: 4 };

function oneJoint(joint: JointSpec, start: number, rampInS = 0, emergencyStop = new EmergencyStop()) {
  const safety = new Safety([joint], { rateHz: RATE, rampInS, emergencyStop });
  safety.begin(Float32Array.of(start), 0);
  const out = new Float32Array(1);
  let n = 0;
  return {
    safety,
    emergencyStop,
    to: (action: number) => {
      safety.limit(Float32Array.of(action), n++ / RATE, out);
      return out[0];
    },
    hold: (why: 'hold_stale' | 'hold_no_action') => {
      safety.hold(why, n++ / RATE, out);
      return out[0];
    },
  };
}

/** Checks every limit along a sequence of commands that began at rest. */
function expectWithinLimits(joint: JointSpec, start: number, commands: readonly number[]): void {
  // What float32 commands can resolve, as a step.
  const ulp = 2 ** -22 * Math.max(1, Math.abs(joint.min), Math.abs(joint.max));
  let position = Math.min(joint.max, Math.max(joint.min, Math.fround(start)));
  let step = 0;
  commands.forEach((command, n) => {
    expect(command).toBeGreaterThanOrEqual(joint.min);
    expect(command).toBeLessThanOrEqual(joint.max);
    const next = command - position;
    // Only a start within a rounding of a limit is not known here to the last bit.
    expect(Math.abs(next)).toBeLessThanOrEqual((joint.velocity / RATE) * (1 + 1e-12) + (n === 0 ? ulp : 0));
    expect(Math.abs(next - step)).toBeLessThanOrEqual(joint.acceleration / RATE ** 2 + 2 * ulp);
    position = command;
    step = next;
  });
}

const anyJoint: fc.Arbitrary<JointSpec> = fc
  .record({
    min: fc.double({ min: -4, max: 4, noNaN: true }),
    range: fc.double({ min: 1e-3, max: 6, noNaN: true }),
    velocity: fc.double({ min: 0.05, max: 10, noNaN: true }),
    acceleration: fc.double({ min: 0.5, max: 200, noNaN: true }),
  })
  .map(({ min, range, velocity, acceleration }) => ({
    name: 'any',
    min,
    max: min + range,
    velocity,
    acceleration,
  }));

const wildAction = fc.oneof(
  { weight: 6, arbitrary: fc.float({ min: -8, max: 8, noNaN: true }) },
  { weight: 1, arbitrary: fc.constantFrom(1e30, -1e30, 3.4e38) },
  { weight: 1, arbitrary: fc.constantFrom(0, -0) },
);

type Order =
  | { readonly kind: 'to'; readonly action: number }
  | { readonly kind: 'hold' | 'press' | 'release' };
const orders: fc.Arbitrary<Order> = fc.oneof(
  { weight: 10, arbitrary: fc.record({ kind: fc.constant('to' as const), action: wildAction }) },
  { weight: 1, arbitrary: fc.constantFrom<Order>({ kind: 'hold' }, { kind: 'press' }, { kind: 'release' }) },
);

describe('Safety', () => {
  it('keeps every limit whatever it is asked, through holds and emergency stops', () => {
    const cases = fc.record({
      joint: anyJoint,
      at: fc.double({ min: 0, max: 1, noNaN: true }),
      rampInS: fc.constantFrom(0, 0.3),
      script: fc.array(orders, { minLength: 1, maxLength: 60 }),
    });
    fc.assert(
      fc.property(cases, ({ joint, at, rampInS, script }) => {
        const start = joint.min + at * (joint.max - joint.min);
        const robot = oneJoint(joint, start, rampInS);
        const commands: number[] = [];
        for (const order of script) {
          if (order.kind === 'press') robot.emergencyStop.press();
          else if (order.kind === 'release') robot.emergencyStop.release();
          else commands.push(order.kind === 'to' ? robot.to(order.action) : robot.hold('hold_stale'));
        }
        expectWithinLimits(joint, start, commands);
        expect(robot.safety.fault).toBeUndefined();
      }),
      { numRuns: 1500 },
    );
  });

  it('counts as a hold what is followed but nobody foresaw', () => {
    const safety = new Safety([ARM], { rateHz: RATE, rampInS: 0 });
    safety.begin(Float32Array.of(0), 0);
    const out = new Float32Array(1);
    safety.limit(Float32Array.of(0.01), 0, out, false);
    expect(out[0]).toBe(Math.fround(0.01));
    expect(safety.interventions).toEqual(['hold_no_action']);
    safety.limit(Float32Array.of(0.02), 0.05, out);
    expect(safety.counts).toEqual({ ...noInterventions(), hold_no_action: 1 });
  });

  it('passes an action that meets every limit bit for bit, and counts nothing', () => {
    // Slow enough to stop for any limit within a tick: |step| ≤ acceleration / rate² / 2.
    const steps = fc.array(fc.double({ min: -0.037, max: 0.037, noNaN: true }), {
      minLength: 1,
      maxLength: 80,
    });
    fc.assert(
      fc.property(steps, (changes) => {
        const robot = oneJoint(ARM, 0);
        let action = 0;
        for (const change of changes) {
          const wanted = Math.fround(action + change);
          if (Math.abs(wanted) > ARM.max) continue;
          action = wanted;
          expect(Object.is(robot.to(action), action)).toBe(true);
        }
        expect(Object.values(robot.safety.counts).every((count) => count === 0)).toBe(true);
      }),
    );
  });

  it('reaches a far target without overshooting and stays there', () => {
    const share = fc.integer({ min: 0, max: 1000 }).map((thousandths) => thousandths / 1000);
    const joints = fc.record({
      velocity: fc.integer({ min: 5, max: 100 }).map((tenths) => tenths / 10),
      acceleration: fc.integer({ min: 1, max: 200 }),
    });
    fc.assert(
      fc.property(joints, share, share, ({ velocity, acceleration }, a, b) => {
        const joint = { name: 'any', min: -4, max: 4, velocity, acceleration };
        const [start, target] = [Math.fround(8 * a - 4), Math.fround(8 * b - 4)];
        const robot = oneJoint(joint, start);
        const commands = [start];
        // Twice the time of the fastest way there, and a second.
        const fastest =
          Math.abs(target - start) / velocity + 2 * Math.sqrt(Math.abs(target - start) / acceleration);
        for (let n = 0; n < RATE * (2 * fastest + 1); n++) commands.push(robot.to(target));
        commands.slice(1).forEach((command, n) => {
          expect((command - commands[n]) * Math.sign(target - start)).toBeGreaterThanOrEqual(0);
        });
        expect(commands.at(-1)).toBe(target);
        expectWithinLimits(joint, start, commands);
      }),
      { numRuns: 150 },
    );
  });

  it('catches up with a target that moves on, and then passes it bit for bit', () => {
    const robot = oneJoint(ARM, -2.5);
    const action = (n: number) => Math.fround(-2.2 + 0.12 * n);
    const commands = Array.from({ length: 38 }, (_, n) => robot.to(action(n)));
    expectWithinLimits(ARM, -2.5, commands);
    expect(commands[3]).toBeLessThan(action(3));
    for (let n = 1; n < 38; n++) expect(commands[n]).toBeLessThanOrEqual(action(n));
    for (let n = 25; n < 38; n++) expect(commands[n]).toBe(action(n));
  });

  it('clips to a position limit whose nearest float32 lies outside it', () => {
    expect(Math.fround(2.9)).toBeGreaterThan(2.9);
    const robot = oneJoint(ARM, 2.85);
    const command = robot.to(100);
    expect(command).toBeLessThanOrEqual(2.9);
    expect(command).toBeCloseTo(2.9, 6);
    expect(robot.safety.counts.position_limit).toBe(1);
  });

  it.each([1, -1])('brakes before the limit at which the policy aims at full speed (side %i)', (side) => {
    const robot = oneJoint(ARM, 0);
    const commands: number[] = [];
    // The policy moves at 3 rad/s, its actions never outside the limits.
    for (let n = 1; n <= 40; n++) commands.push(robot.to(side * Math.min(2.9, 0.15 * n)));
    expectWithinLimits(ARM, 0, commands);
    expect(commands.at(-1)).toBeCloseTo(side * 2.9, 6);
    expect(robot.safety.counts.acceleration_limit).toBeGreaterThan(0);
  });

  it('takes up what the policy wants after a hold, not what it wanted before', () => {
    const robot = oneJoint(ARM, 0);
    robot.to(2);
    const standing = [1, 2, 3].map(() => robot.hold('hold_stale'))[2];
    const action = Math.fround(standing + 0.01);
    expect(robot.to(action)).toBe(action);
  });

  it('limits velocity, and names it', () => {
    const robot = oneJoint(GRIPPER, 0.04);
    expect(robot.to(0)).toBeCloseTo(0.03, 7);
    expect(robot.safety.counts).toMatchObject({
      velocity_limit: 1,
      acceleration_limit: 0,
      position_limit: 0,
      ramp_in: 0,
    });
  });

  it('limits acceleration, and names it', () => {
    const robot = oneJoint(ARM, 0);
    expect(robot.to(0.14)).toBeCloseTo(0.075, 6);
    expect(robot.safety.counts).toMatchObject({ velocity_limit: 0, acceleration_limit: 1 });
  });

  it('ramps in from the measured pose', () => {
    const slow = { ...ARM, acceleration: 1e4 };
    const robot = oneJoint(slow, 0.5, 0.2);
    const commands = Array.from({ length: 6 }, () => robot.to(2));
    const steps = commands.map((command, n) => command - (n === 0 ? 0.5 : commands[n - 1]));
    // 0, ¼, ½, ¾ and then all of 3 rad/s.
    [0, 0.0375, 0.075, 0.1125, 0.15, 0.15].forEach((step, n) => {
      expect(steps[n]).toBeCloseTo(step, 5);
    });
  });

  it('counts the ramp only where the ramp was the limit', () => {
    const robot = oneJoint({ ...ARM, acceleration: 1e4 }, 0, 1);
    robot.to(0.1);
    robot.to(0.001);
    robot.to(3);
    expect(robot.safety.counts).toMatchObject({ ramp_in: 1, velocity_limit: 1 });
  });

  it('a hold brakes within the acceleration limit, then stands', () => {
    const robot = oneJoint(ARM, 0);
    robot.to(0.07);
    const moving = robot.to(0.21);
    expect(robot.safety.atRest).toBe(false);
    const held = [robot.hold('hold_stale'), robot.hold('hold_no_action'), robot.hold('hold_no_action')];
    expect(held[0] - moving).toBeCloseTo(0.065, 6);
    expect(held[1]).toBe(held[0]);
    expect(held[2]).toBe(held[0]);
    expect(robot.safety.atRest).toBe(true);
    expect(robot.safety.counts).toMatchObject({ hold_stale: 1, hold_no_action: 2 });
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])(
    'latches a fault on %s and holds',
    (bad) => {
      const safety = new Safety([ARM, GRIPPER], { rateHz: RATE, rampInS: 0 });
      safety.begin(Float32Array.of(0, 0.04), 0);
      const out = new Float32Array(2);
      // A bad value in the last joint must not move the first.
      safety.limit(Float32Array.of(0.05, bad), 0, out);
      expect(out).toEqual(Float32Array.of(0, 0.04));
      expect(safety.fault).toBe(`the policy's action for joint gripper is ${bad}`);
      safety.limit(Float32Array.of(0.05, 0.04), 0.05, out);
      expect(out).toEqual(Float32Array.of(0, 0.04));
      expect(safety.counts.non_finite).toBe(1);
      safety.begin(Float32Array.of(0, 0.04), 1);
      safety.limit(Float32Array.of(0.05, 0.04), 1, out);
      expect(out).toEqual(Float32Array.of(0.05, 0.04));
      expect(safety.counts.non_finite).toBe(0);
    },
  );

  it('the emergency stop latches across episodes until released, then ramps in anew', () => {
    const robot = oneJoint({ ...ARM, acceleration: 1e4 }, 0, 0.2);
    const { safety, emergencyStop } = robot;
    for (let n = 0; n < 8; n++) robot.to(2);
    emergencyStop.press();
    const stopped = robot.to(2);
    expect(robot.to(2)).toBe(stopped);
    expect(safety.counts.emergency_stop).toBe(2);
    safety.begin(Float32Array.of(stopped), 10 / RATE);
    expect(robot.to(2)).toBe(stopped);
    emergencyStop.release();
    expect(robot.to(2)).toBe(stopped);
    expect(robot.to(2) - stopped).toBeCloseTo(0.0375, 6);
  });

  it('takes a pose just outside a limit as at it, and refuses one far outside', () => {
    const near = oneJoint(GRIPPER, -0.001);
    expect(near.safety.fault).toBeUndefined();
    expect(near.to(0)).toBe(0);
    expect(oneJoint(ARM, 3.2).safety.fault).toBe('joint elbow starts at 3.2, outside its limits -2.9 to 2.9');
    expect(oneJoint(ARM, Number.NaN).safety.fault).toBe(
      'joint elbow starts at NaN, outside its limits -2.9 to 2.9',
    );
  });
});

describe('brakingStep', () => {
  it('is the longest first step after which braking ends within the room', () => {
    const room = fc.double({ min: 0, max: 10, noNaN: true });
    const change = fc.double({ min: 1e-3, max: 1, noNaN: true });
    const travel = (first: number, c: number) => {
      let sum = 0;
      for (let d = first; d > 0; d -= c) sum += d;
      return sum;
    };
    fc.assert(
      fc.property(room, change, (r, c) => {
        const d = brakingStep(r, c);
        expect(travel(d, c)).toBeLessThanOrEqual(r * (1 + 1e-9) + 1e-12);
        expect(travel(d * (1 + 1e-6) + 1e-9, c)).toBeGreaterThan(r);
      }),
    );
  });
});
