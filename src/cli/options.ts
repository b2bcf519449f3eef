/** Parsers for option values. A bad value is one sentence that names the option, the value and what it may be. */
import type { Shard } from '../episode/shard.js';
import { UserError } from '../errors.js';

type Parser<T> = (text: string) => T;

/** Digits only: `Number` alone would also take '', ' 7', '0x10' and '1e3'. */
const INTEGER = /^-?\d+$/;
const DECIMAL = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;
/** The random generators take seeds of 31 bits, and seeds are counted up from the first. */
const MAX_SEED = 2 ** 31 - 1;

function parser<T>(
  option: string,
  what: string,
  read: (text: string) => T,
  valid: (value: T) => boolean,
): Parser<T> {
  return (text) => {
    const value = read(text);
    if (!valid(value)) throw new UserError(`Option ${option} must be ${what}, not '${text}'.`);
    return value;
  };
}

const readInteger = (text: string) => (INTEGER.test(text) ? Number(text) : Number.NaN);
const readDecimal = (text: string) => (DECIMAL.test(text) ? Number(text) : Number.NaN);

/** 1, 2, 3, … */
export const positiveInteger = (option: string): Parser<number> =>
  parser(
    option,
    'a whole number of at least 1',
    readInteger,
    (value) => Number.isSafeInteger(value) && value > 0,
  );

/** 0, 1, 2, … */
export const wholeNumber = (option: string): Parser<number> =>
  parser(
    option,
    'a whole number of at least 0',
    readInteger,
    (value) => Number.isSafeInteger(value) && value >= 0,
  );

/** 0 … 2³¹ − 1. */
export const seed = (option: string): Parser<number> =>
  parser(
    option,
    `a whole number from 0 to ${MAX_SEED}`,
    readInteger,
    (value) => value >= 0 && value <= MAX_SEED,
  );

/** Finite and > 0. */
export const positiveNumber = (option: string): Parser<number> =>
  parser(option, 'a finite number above 0', readDecimal, (value) => Number.isFinite(value) && value > 0);

/** Finite and ≥ 0. */
export const nonNegativeNumber = (option: string): Parser<number> =>
  parser(
    option,
    'a finite number of at least 0',
    readDecimal,
    (value) => Number.isFinite(value) && value >= 0,
  );

/** `low` … `high`. */
export const numberWithin = (option: string, low: number, high: number): Parser<number> =>
  parser(option, `a number from ${low} to ${high}`, readDecimal, (value) => value >= low && value <= high);

/** Finite, of either sign. */
export const finiteNumber = (option: string): Parser<number> =>
  parser(option, 'a finite number', readDecimal, Number.isFinite);

/** One of some words. */
export const choice = <const T extends string>(option: string, choices: readonly T[]): Parser<T> =>
  parser(
    option,
    `one of ${choices.join(', ')}`,
    (text) => text as T,
    (value) => choices.includes(value),
  );

/** `2/8`: the second of eight. */
export const shard = (option: string): Parser<Shard> =>
  parser(
    option,
    'k/n, the k-th of n shares (1/4 … 4/4)',
    (text) => {
      const [, index = 'x', count = 'x'] = /^(\d{1,6})\/(\d{1,6})$/.exec(text) ?? [];
      return { index: Number(index), count: Number(count) };
    },
    ({ index, count }) => index >= 1 && index <= count,
  );
