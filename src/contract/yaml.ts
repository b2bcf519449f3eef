/**
 * YAML files checked against a zod schema: the one place that turns a bad value into a sentence with file,
 * line and key. Contract, manifest and task files all pass through it.
 *
 * Schemas are strict objects. A message given in a schema (`refine`, `regex`, `superRefine`) completes the
 * sentence "`key` is `value`; it …", so it reads "must …".
 */
import { type Document, isMap, isNode, isScalar, LineCounter, parseDocument } from 'yaml';
import type { z } from 'zod';
import { UserError } from '../errors.js';

type Path = readonly PropertyKey[];

/**
 * @param file as it should appear in messages
 * @throws UserError for the first thing wrong
 */
export function parseYaml<T>(file: string, text: string, schema: z.ZodType<T>): T {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const [broken] = document.errors;
  if (broken) {
    const { line } = lines.linePos(broken.pos[0]);
    throw new UserError(`${file}:${line}: this is not valid YAML: ${broken.message}`);
  }
  const value: unknown = document.toJS();
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0] as z.core.$ZodIssue;
  const key = issue.code === 'unrecognized_keys' ? [...issue.path, issue.keys[0] as string] : issue.path;
  const { line } = lines.linePos(offsetOf(document, key));
  throw new UserError(`${file}:${line}: ${sentence(issue, key, at(value, key))}`);
}

function sentence(issue: z.core.$ZodIssue, key: Path, value: unknown): string {
  const name = key.length > 0 ? keyPath(key) : 'the file';
  if (issue.code === 'unrecognized_keys')
    return `${name} is not a known key; correct its spelling or remove it`;
  if (value === undefined) return `${name} is missing; it ${demand(issue)}`;
  return `${name} is ${show(value)}; it ${demand(issue)}`;
}

/** What the schema asks for: "must …". */
function demand(issue: z.core.$ZodIssue): string {
  switch (issue.code) {
    case 'invalid_type':
      return `must be ${TYPES[issue.expected] ?? issue.expected}`;
    case 'invalid_value':
      return oneOf(issue.values);
    case 'invalid_union':
      return 'options' in issue && Array.isArray(issue.options) ? oneOf(issue.options) : 'has the wrong form';
    case 'too_small': {
      if (issue.origin === 'string') return 'must not be empty';
      if (issue.origin === 'array') return `must have at least ${items(issue.minimum)}`;
      return issue.inclusive ? `must be at least ${issue.minimum}` : `must be greater than ${issue.minimum}`;
    }
    case 'too_big': {
      if (issue.origin === 'array') return `must have at most ${items(issue.maximum)}`;
      return issue.inclusive ? `must be at most ${issue.maximum}` : `must be less than ${issue.maximum}`;
    }
    default:
      return issue.message;
  }
}

const TYPES: Readonly<Record<string, string>> = {
  string: 'a text',
  number: 'a finite number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  tuple: 'a list',
  object: 'a mapping of keys to values',
  record: 'a mapping of keys to values',
};

const items = (count: number | bigint): string => (Number(count) === 1 ? '1 item' : `${count} items`);

const oneOf = (choices: readonly unknown[]): string =>
  choices.length === 1 ? `must be ${choices[0]}` : `must be one of ${choices.join(', ')}`;

function show(value: unknown): string {
  if (typeof value === 'number') return String(value);
  const text = JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
}

/** `cameras[1].role` */
const keyPath = (path: Path): string =>
  path
    .map((step, i) => (typeof step === 'number' ? `[${step}]` : `${i > 0 ? '.' : ''}${String(step)}`))
    .join('');

function at(value: unknown, path: Path): unknown {
  let here: unknown = value;
  for (const step of path) here = (here as Record<PropertyKey, unknown> | null | undefined)?.[step];
  return here;
}

/** Where `path` stands in the text, or the nearest thing above it that exists: its key where there is one. */
function offsetOf(document: Document, path: Path): number {
  for (let depth = path.length; depth > 0; depth--) {
    const parent = document.getIn(path.slice(0, depth - 1), true);
    const step = path[depth - 1];
    const pair = isMap(parent) && parent.items.find(({ key }) => isScalar(key) && key.value === step);
    const node = pair ? pair.key : document.getIn(path.slice(0, depth), true);
    if (isNode(node) && node.range) return node.range[0];
  }
  return document.contents?.range?.[0] ?? 0;
}
