import { describe, expect, it } from 'vitest';
import { UserError } from '../errors.js';
import {
  choice,
  finiteNumber,
  nonNegativeNumber,
  positiveInteger,
  positiveNumber,
  seed,
  shard,
} from './options.js';

describe('option parsers', () => {
  it('take good values', () => {
    expect(positiveInteger('--episodes')('10')).toBe(10);
    expect(seed('--seed')('0')).toBe(0);
    expect(seed('--seed')('2147483647')).toBe(2147483647);
    expect(nonNegativeNumber('--m')('0')).toBe(0);
    expect(positiveNumber('--time-limit')('1.5e1')).toBe(15);
    expect(finiteNumber('--m')('-.01')).toBe(-0.01);
    expect(choice('--strategy', ['ensemble', 'latest'])('latest')).toBe('latest');
    expect(shard('--shard')('2/8')).toEqual({ index: 2, count: 8 });
  });

  const bad = (parse: (text: string) => unknown, ...values: string[]) => {
    for (const value of values) expect(() => parse(value), value).toThrow(UserError);
  };

  it('refuse everything else', () => {
    bad(
      positiveInteger('--n'),
      '0',
      '-3',
      '1.5',
      'NaN',
      '',
      ' ',
      '1e3',
      '0x10',
      'ten',
      '99999999999999999999',
    );
    bad(seed('--seed'), '-1', '2147483648', 'NaN', '0.5', '');
    bad(nonNegativeNumber('--x'), '-0.1', 'NaN', 'Infinity', '1e999', '', '1,5', '0x10');
    bad(positiveNumber('--x'), '0', '-1', 'NaN', 'Infinity', '');
    bad(finiteNumber('--x'), 'NaN', '-Infinity', '', 'a');
    bad(shard('--shard'), '0/4', '5/4', '1', '1/', '/4', '1/0', '-1/2', '1/2/3', '1.5/2', '');
    bad(choice('--strategy', ['ensemble', 'latest']), 'Latest', '');
  });

  it('name the option, the value and what it may be', () => {
    expect(() => positiveInteger('--episodes')('-3')).toThrow(
      "Option --episodes must be a whole number of at least 1, not '-3'.",
    );
    expect(() => choice('--strategy', ['ensemble', 'latest'])('best')).toThrow(
      "Option --strategy must be one of ensemble, latest, not 'best'.",
    );
  });
});
