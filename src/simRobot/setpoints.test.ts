import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Setpoints, type Waypoint } from './setpoints.js';

const value = fc.double({ min: -3, max: 3, noNaN: true }).map((x) => x + 0); // No -0.
const gap = fc.double({ min: 0.01, max: 1, noNaN: true });

const s = 1e9;

/** Waypoints of one joint, ascending in time from 0. */
const ways = (velocities: boolean) =>
  fc
    .array(fc.record({ gap, position: value, velocity: value }), { minLength: 1, maxLength: 6 })
    .map((points) => {
      let time = 0;
      return points.map(({ gap, position, velocity }): Waypoint => {
        time += Math.round(gap * s);
        return { time, positions: [position], ...(velocities && { velocities: [velocity] }) };
      });
    });

describe('Setpoints', () => {
  it('stands where it starts', () => {
    expect(new Setpoints([1, 2]).at(1e9)).toEqual(Float64Array.of(1, 2));
  });

  it('is at every waypoint at its time, and stays at the last', () => {
    fc.assert(
      fc.property(value, fc.oneof(ways(false), ways(true)), (start, way) => {
        const setpoints = new Setpoints([start]);
        expect(setpoints.follow(way, 0)).toBe(true);
        expect(setpoints.at(0)[0]).toBeCloseTo(start, 9);
        for (const { time, positions } of way) expect(setpoints.at(time)[0]).toBeCloseTo(positions[0], 9);
        const last = way[way.length - 1] as Waypoint;
        expect(setpoints.at(last.time + 100 * s)[0]).toBe(last.positions[0]);
      }),
    );
  });

  it('moves linearly where waypoints have no velocities', () => {
    const setpoints = new Setpoints([0]);
    setpoints.follow(
      [
        { time: 1 * s, positions: [1] },
        { time: 3 * s, positions: [5] },
      ],
      0,
    );
    expect([0.25, 1, 1.5, 2.5].map((time) => setpoints.at(time * s)[0])).toEqual([0.25, 1, 2, 4]);
  });

  it('has at a waypoint the velocity that it asks for', () => {
    fc.assert(
      fc.property(ways(true), (way) => {
        const setpoints = new Setpoints([0]);
        setpoints.follow(way, 0);
        for (const { time, velocities } of way) {
          const slope = (setpoints.at(time)[0] - setpoints.at(time - 1000)[0]) / 1e-6;
          // The curvature between two waypoints 0.01 s apart makes up for the rest.
          expect(Math.abs(slope - (velocities?.[0] as number))).toBeLessThan(0.5);
        }
      }),
    );
  });

  it('goes over to a new way without a jump, nor one in velocity where it has velocities', () => {
    fc.assert(
      fc.property(ways(true), ways(true), fc.double({ min: 0, max: 1, noNaN: true }), (first, second, at) => {
        const last = first[first.length - 1] as Waypoint;
        const now = Math.round(at * last.time);
        const setpoints = new Setpoints([0]);
        setpoints.follow(first, 0);
        const [before, position] = [setpoints.at(now - 100)[0], setpoints.at(now)[0]];
        const later = second.map((point) => ({ ...point, time: point.time + now }));
        expect(setpoints.follow(later, now)).toBe(true);
        expect(setpoints.at(now)[0]).toBeCloseTo(position, 9);
        // A waypoint within 1 ms may change the acceleration between the two samples.
        if (now > 1e6 && first.every(({ time }) => Math.abs(time - now) > 1e6) && now < last.time) {
          const [was, is] = [(position - before) / 1e-7, (setpoints.at(now + 100)[0] - position) / 1e-7];
          expect(Math.abs(was - is)).toBeLessThan(0.1);
        }
      }),
    );
  });

  it('leaves out what lies in the past, and refuses a way that is all past', () => {
    const setpoints = new Setpoints([0]);
    expect(setpoints.follow([{ time: 1, positions: [9] }], 2)).toBe(false);
    expect(setpoints.at(2)[0]).toBe(0);
    setpoints.follow(
      [
        { time: 1, positions: [9] },
        { time: 4, positions: [2] },
      ],
      2,
    );
    expect(setpoints.at(3)[0]).toBe(1);
  });

  it('jumps when told to', () => {
    const setpoints = new Setpoints([0]);
    setpoints.follow([{ time: 1, positions: [1] }], 0);
    setpoints.jump([7]);
    expect(setpoints.at(0.5)[0]).toBe(7);
  });
});
