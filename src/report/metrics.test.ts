import { describe, expect, it } from 'vitest';
import { metricNames, metricText } from './metrics.js';

describe('metricText', () => {
  it.each([
    ['position_error_m', 'position error', '1.23', 'cm', 0.01234],
    ['yaw_error_rad', 'yaw error', '90.00', '°', Math.PI / 2],
    ['settling_s', 'settling', '0.50', 's', 0.5],
    ['spilt_ml', 'spilt ml', '3.00', '', 3],
  ])('%s is "%s", %s %s', (name, label, figure, unit, value) => {
    const text = metricText(name);
    expect([text.label, text.figure(value), text.unit]).toEqual([label, figure, unit]);
  });
});

describe('metricNames', () => {
  it('has each once, in the order in which they come', () => {
    expect(metricNames([{ metrics: { b: 1, a: 2 } }, {}, { metrics: { c: 3, a: 4 } }])).toEqual([
      'b',
      'a',
      'c',
    ]);
    expect(metricNames([{}])).toEqual([]);
  });
});
