import { parse } from '@foxglove/rosmsg';
import { expect, it } from 'vitest';
import { definition } from './definitions.js';

it('is whole: a parser that knows no types finds all it needs', () => {
  for (const type of ['sensor_msgs/msg/Image', 'trajectory_msgs/msg/JointTrajectory']) {
    const types = parse(definition(type) as string, { ros2: true });
    const defined = new Set(types.map(({ name }) => name));
    const wanted = types.flatMap(({ definitions }) =>
      definitions.filter(({ isComplex }) => isComplex).map((field) => field.type),
    );
    expect(wanted).toContain('std_msgs/Header');
    expect(wanted.filter((name) => !defined.has(name))).toEqual([]);
  }
  expect(definition('sensor_msgs/msg/Image')).toMatch(/^=+\nMSG: builtin_interfaces\/Time$/m);
  expect(definition('trajectory_msgs/msg/JointTrajectory')).toContain('MSG: builtin_interfaces/Duration');
});

it('is not there for what ROS itself does not bring, nor for names that are paths', () => {
  expect(definition('my_msgs/msg/Thing')).toBeUndefined();
  expect(definition('../msg/x')).toBeUndefined();
});
