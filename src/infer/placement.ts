/** Which provider runs which nodes of a graph: onnxruntime puts what a GPU lacks on the CPU, and says nothing. */
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { InferenceSession, Tensor } from 'onnxruntime-node';

/** How many nodes of each operator ran on one provider, by `CPUExecutionProvider` and the like. */
export type Placement = ReadonlyMap<string, ReadonlyMap<string, number>>;

/** An event of onnxruntime's profile, as far as it matters here. */
interface ProfileEvent {
  readonly cat?: string;
  readonly args?: { readonly provider?: string; readonly op_name?: string };
}

/**
 * Opens the graph with onnxruntime's profiler on, runs it once on zeros and reads where each node ran: the
 * only way of this binding to learn it.
 */
export async function placement(
  graphFile: string,
  options: InferenceSession.SessionOptions,
): Promise<Placement> {
  const dir = await mkdtemp(join(tmpdir(), 'saccade-placement-'));
  try {
    const session = await InferenceSession.create(graphFile, {
      ...options,
      enableProfiling: true,
      profileFilePrefix: join(dir, 'profile'),
    });
    try {
      await session.run(Object.fromEntries(session.inputMetadata.map(zeros)));
      session.endProfiling();
    } finally {
      await session.release();
    }
    const [file = ''] = await readdir(dir);
    return byProvider(JSON.parse(await readFile(join(dir, file), 'utf8')));
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

function byProvider(events: readonly ProfileEvent[]): Placement {
  const nodes = new Map<string, Map<string, number>>();
  for (const { cat, args } of events) {
    if (cat !== 'Node' || !args?.provider || !args.op_name) continue;
    const operators = nodes.get(args.provider) ?? new Map<string, number>();
    nodes.set(args.provider, operators.set(args.op_name, (operators.get(args.op_name) ?? 0) + 1));
  }
  return nodes;
}

/** An input's zeros; a dimension left open has size 1. */
function zeros(input: InferenceSession.ValueMetadata): [string, Tensor] {
  if (!input.isTensor) throw new Error(`input ${input.name} is not a tensor`);
  const shape = input.shape.map((size) => (typeof size === 'number' ? size : 1));
  const length = shape.reduce((product, size) => product * size, 1);
  switch (input.type) {
    case 'float32':
      return [input.name, new Tensor(input.type, new Float32Array(length), shape)];
    case 'int64':
      return [input.name, new Tensor(input.type, new BigInt64Array(length), shape)];
    case 'uint8':
    case 'bool':
      return [input.name, new Tensor(input.type, new Uint8Array(length), shape)];
    default:
      throw new Error(`input ${input.name} is of type ${input.type}, which no bundle has`);
  }
}

const CPU = 'CPUExecutionProvider';

/** Nodes on the CPU, of how many: `12 of 560 nodes (8 Shape, 4 Gather)`. */
export function onCpu(nodes: Placement): string {
  const count = (operators: ReadonlyMap<string, number> = new Map()) =>
    [...operators.values()].reduce((sum, n) => sum + n, 0);
  const all = [...nodes.values()].reduce((sum, operators) => sum + count(operators), 0);
  const listed = [...(nodes.get(CPU) ?? [])]
    .sort(([a, m], [b, n]) => n - m || a.localeCompare(b))
    .map(([operator, n]) => `${n} ${operator}`);
  return `${count(nodes.get(CPU))} of ${all} nodes (${listed.join(', ')})`;
}
