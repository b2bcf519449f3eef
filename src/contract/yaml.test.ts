import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { UserError } from '../errors.js';
import { parseYaml } from './yaml.js';

const schema = z.strictObject({
  name: z.string().min(1),
  colour: z.enum(['red', 'green']).optional(),
  count: z.int().positive().max(9).optional(),
  items: z
    .array(z.strictObject({ size: z.number() }))
    .min(1)
    .optional(),
  range: z
    .tuple([z.number(), z.number()])
    .refine(([lo, hi]) => lo <= hi, 'must be [low, high]')
    .optional(),
  shape: z
    .discriminatedUnion('kind', [
      z.strictObject({ kind: z.literal('dot') }),
      z.strictObject({ kind: z.literal('line'), length: z.number() }),
    ])
    .optional(),
});

function refusal(text: string): string {
  try {
    parseYaml('robot.yaml', text, schema);
  } catch (error) {
    expect(error).toBeInstanceOf(UserError);
    return (error as UserError).message;
  }
  throw new Error('nothing was refused');
}

describe('parseYaml', () => {
  it('returns what the schema makes of the file', () => {
    const value = parseYaml(
      'f.yaml',
      'count: 3 # three\nname: x\n',
      schema.transform(({ count }) => ({ n: count })),
    );
    expect(value).toEqual({ n: 3 });
  });

  it.each([
    ['an unknown choice', 'name: a\ncolour: blue', '2: colour is "blue"; it must be one of red, green'],
    ['a wrong type', 'name: a\ncount: "3"', '2: count is "3"; it must be a finite number'],
    ['a fraction', 'name: a\ncount: 1.5', '2: count is 1.5; it must be a whole number'],
    [
      'a NaN',
      'name: a\nitems:\n  - size: 1\n  - size: .nan',
      '4: items[1].size is NaN; it must be a finite number',
    ],
    [
      'an infinity',
      'name: a\nitems:\n  - size: .inf',
      '3: items[0].size is Infinity; it must be a finite number',
    ],
    ['a number too small', 'name: a\ncount: -2', '2: count is -2; it must be greater than 0'],
    ['a number too big', 'name: a\ncount: 10', '2: count is 10; it must be at most 9'],
    ['an empty text', 'name: ""', '1: name is ""; it must not be empty'],
    ['an empty list', 'name: a\nitems: []', '2: items is []; it must have at least 1 item'],
    ['a missing key', '\n\ncolour: red', '3: name is missing; it must be a text'],
    [
      'a missing key in a list',
      'name: a\nitems:\n  - size: 1\n  - {}',
      '4: items[1].size is missing; it must be a finite number',
    ],
    [
      'an unknown key',
      'name: a\nitems:\n  - size: 1\n    siez: 2',
      '4: items[0].siez is not a known key; correct its spelling or remove it',
    ],
    ['a rule of the schema', 'name: a\nrange: [2, 1]', '2: range is [2,1]; it must be [low, high]'],
    [
      'an unknown kind',
      'name: a\nshape:\n  kind: disc',
      '3: shape.kind is "disc"; it must be one of dot, line',
    ],
    ['a missing kind', 'name: a\nshape: {}', '2: shape.kind is missing; it must be one of dot, line'],
    ['a list for a mapping', '- 1', '1: the file is [1]; it must be a mapping of keys to values'],
    ['an empty file', '', '1: the file is null; it must be a mapping of keys to values'],
  ])('names file, line and key of %s', (_, text, message) => {
    expect(refusal(text)).toBe(`robot.yaml:${message}`);
  });

  it('names the line of what is no YAML', () => {
    expect(refusal('name: a\nitems: [1, 2\nrange: 3')).toMatch(/^robot\.yaml:\d: this is not valid YAML: \S/);
    expect(refusal('name: a\nname: b')).toMatch(/^robot\.yaml:2: this is not valid YAML: .*unique/i);
  });

  it('shortens long values', () => {
    const message = refusal(`name: a\ncolour: ${'blue'.repeat(100)}`);
    expect(message.length).toBeLessThan(140);
    expect(message).toContain('…; it must be one of red, green');
  });
});
