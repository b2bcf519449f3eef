/** Dependencies point one way (design §2), and nothing committed ties the project to one package registry. */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const SRC = join(ROOT, 'src');

/** What anyone may use. */
const BASE = ['errors', 'folder', 'heap', 'random', 'realtime', 'sleep', 'version', 'workers'];

/**
 * What a part of src may import besides itself and the base: other parts (every file of theirs), or single
 * files, which is how stages share plain data types without knowing each other.
 */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  errors: [],
  folder: [],
  heap: [],
  realtime: ['errors'],
  random: [],
  sleep: [],
  version: [],
  workers: [],
  contract: [],
  crew: [],
  messages: ['contract', 'robots/robot'],
  robots: ['contract'],
  'robots/sim': ['contract', 'robots/robot'],
  'robots/ros2': ['contract', 'robots/robot', 'messages'],
  'robots/bag': ['contract', 'robots/robot', 'messages', 'record'],
  observe: ['contract', 'robots/robot'],
  infer: [
    'contract',
    'robots/robot',
    'observe/observation',
    'observe/resize',
    'messages/pixels',
    'act/chunk',
  ],
  act: ['contract'],
  episode: ['contract', 'robots/robot', 'act/interventions'],
  record: [
    'contract',
    'robots/robot',
    'messages',
    'act/chunk',
    'act/interventions',
    'episode',
    'latency',
    'tap',
  ],
  gazebo: ['contract', 'messages', 'robots/robot', 'robots/sim', 'robots/ros2'],
  simRobot: ['contract', 'messages', 'robots/robot', 'robots/sim', 'robots/ros2'],
  dataset: ['contract', 'robots/robot', 'robots/bag', 'messages', 'observe', 'record', 'episode/statistics'],
  report: ['contract', 'episode', 'messages', 'record', 'act/interventions'],
  latency: [],
  latestInference: ['infer', 'observe/observation', 'robots/robot', 'latency'],
  tap: ['robots/robot', 'observe/observation', 'infer/policy', 'act/interventions'],
  loop: [
    'tap',
    'contract',
    'robots/robot',
    'observe',
    'infer',
    'act',
    'episode',
    'latency',
    'latestInference',
  ],
};
/** They put everything together for `cli`; nothing but `cli` may know them. */
const ASSEMBLERS = ['rollout', 'replay', 'node', 'simRobot', 'cli'];

/** Packages that one folder hides from all others. */
const OWNED: Readonly<Record<string, string>> = {
  'onnxruntime-node': 'infer',
  '@mujoco/mujoco': 'robots/sim',
  rclnodejs: 'robots/ros2',
  '@mcap/core': 'record',
  'node-sqlite3-wasm': 'record',
  hyparquet: 'dataset',
  'hyparquet-writer': 'dataset',
  commander: 'cli',
  winston: 'cli',
};

interface Import {
  /** Module path below src, without extension: `act/chunk`. */
  readonly from: string;
  /** A module path of the same kind, or a package name. */
  readonly to: string;
}

/** Every source file of src, as module paths. */
const modules: ReadonlySet<string> = new Set(
  readdirSync(SRC, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts'))
    .map((file) => file.replace(/\.ts$/, '')),
);

function imports(): Import[] {
  return [...modules].flatMap((from) => {
    const text = readFileSync(join(SRC, `${from}.ts`), 'utf8');
    const specifiers = [
      ...text.matchAll(/^\s*(?:import|export)\b[^'";]*\bfrom\s*'([^']+)'/gm),
      ...text.matchAll(/^\s*import\s*'([^']+)'/gm),
      ...text.matchAll(/\bimport\(\s*'([^']+)'/g),
    ].map((match) => match[1] as string);
    return specifiers.map((specifier) => ({ from, to: target(from, specifier) }));
  });
}

function target(from: string, specifier: string): string {
  if (!specifier.startsWith('.')) return specifier;
  return relative(SRC, resolve(SRC, dirname(from), specifier)).replace(/\.js$/, '');
}

/** `act/chunk` → `act`, `robots/sim/task` → `robots/sim`, `loop` → `loop`. */
function part(module: string): string {
  const [first, second, third] = module.split('/');
  return third === undefined
    ? (first as string)
    : first === 'robots'
      ? `${first}/${second}`
      : (first as string);
}

describe('src', () => {
  const all = imports();
  const inside = all.filter(({ to }) => modules.has(to));

  it('is read by this test at all', () => {
    expect(all).toContainEqual({ from: 'loop', to: 'observe/observer' });
    expect(all).toContainEqual({ from: 'infer/session', to: 'onnxruntime-node' });
    expect(all).toContainEqual({ from: 'robots/sim/mujoco', to: '@mujoco/mujoco' });
  });

  it('has no part that this test does not know', () => {
    const known = new Set([...Object.keys(MAY_IMPORT), ...ASSEMBLERS]);
    expect([...modules].filter((module) => !known.has(part(module)))).toEqual([]);
  });

  it('imports only downwards', () => {
    const wrong = inside.filter(({ from, to }) => {
      const [here, there] = [part(from), part(to)];
      if (here === there || BASE.includes(to) || here === 'cli') return false;
      if (ASSEMBLERS.includes(here)) return ASSEMBLERS.includes(there);
      return !(MAY_IMPORT[here] ?? []).some((allowed) => allowed === there || allowed === to);
    });
    expect(wrong).toEqual([]);
  });

  it('keeps each native or outer library in its one folder', () => {
    const wrong = all.filter(({ from, to }) => to in OWNED && part(from) !== OWNED[to]);
    expect(wrong).toEqual([]);
  });

  it('has no import cycle', () => {
    const edges = new Map<string, string[]>();
    for (const { from, to } of inside) edges.set(from, [...(edges.get(from) ?? []), to]);
    const done = new Set<string>();
    const visit = (module: string, path: readonly string[]): void => {
      const start = path.indexOf(module);
      if (start >= 0) throw new Error(`import cycle: ${[...path.slice(start), module].join(' → ')}`);
      if (done.has(module)) return;
      for (const next of edges.get(module) ?? []) visit(next, [...path, module]);
      done.add(module);
    };
    for (const module of modules) visit(module, []);
    expect(done.size).toBe(modules.size);
  });
});

describe('the repository', () => {
  // Spelled in parts, or this file would be the one that names them.
  const hosts = [
    ['registry', 'npmjs', 'org'],
    ['registry', 'yarnpkg', 'com'],
    ['registry', 'npmmirror', 'com'],
    ['npm', 'pkg', 'github', 'com'],
    ['pypi', 'org'],
    ['pythonhosted', 'org'],
    ['download', 'pytorch', 'org'],
  ].map((labels) => labels.join('.'));
  const BINARY = /\.(onnx|webp|png|npy|mcap|gz)$/;

  const files = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], {
    cwd: ROOT,
    encoding: 'utf8',
  })
    .split('\n')
    .filter((file) => file !== '' && !BINARY.test(file));

  it('names no package registry', () => {
    expect(files).toContain('package.json');
    const naming = files.filter((file) => {
      let text: string;
      try {
        text = readFileSync(join(ROOT, file), 'utf8');
      } catch {
        return false; // Deleted, not yet committed.
      }
      return hosts.some((host) => text.includes(host));
    });
    expect(naming).toEqual([]);
  });

  it('has a lock file that any registry can serve', () => {
    expect(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')).not.toContain('"resolved"');
  });
});
