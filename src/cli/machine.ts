/** What machine this is, as far as figures depend on it. */
import { execFile } from 'node:child_process';
import { availableParallelism, cpus, totalmem } from 'node:os';
import { promisify } from 'node:util';
import { softwareVersions } from '../version.js';

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memory_gb: number;
  /** As NVIDIA's driver names them; empty where it is not there. */
  readonly gpus: readonly Gpu[];
  readonly software: Readonly<Record<string, string>>;
}

export interface Gpu {
  readonly name: string;
  readonly driver: string;
  /** As the driver says it: `24564 MiB`. */
  readonly memory: string;
}

export async function machine(): Promise<Machine> {
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    memory_gb: Math.round(totalmem() / 1e8) / 10,
    gpus: (await nvidiaGpus()) ?? [],
    software: softwareVersions(),
  };
}

/** What `nvidia-smi` lists; undefined where it is missing or cannot talk to the driver. */
export async function nvidiaGpus(): Promise<readonly Gpu[] | undefined> {
  const query = ['--query-gpu=name,driver_version,memory.total', '--format=csv,noheader'];
  try {
    const { stdout } = await promisify(execFile)('nvidia-smi', query, { timeout: 5000 });
    return parseGpus(stdout);
  } catch {
    return undefined;
  }
}

/** Lines of `NVIDIA RTX 4090, 550.54.14, 24564 MiB`. */
export function parseGpus(csv: string): readonly Gpu[] {
  return csv
    .split('\n')
    .map((line) => line.split(',').map((cell) => cell.trim()))
    .flatMap(([name = '', driver = '', memory = '']) => (name === '' ? [] : [{ name, driver, memory }]));
}

/** On one line. */
export function machineText({ cpu, cores, gpus, software }: Machine): string {
  const gpu =
    gpus.length === 0
      ? 'no NVIDIA GPU'
      : gpus.map(({ name, driver }) => `${name} (driver ${driver})`).join(', ');
  return `${cpu}, ${cores} ${cores === 1 ? 'core' : 'cores'}; ${gpu}; Node ${software.node}, onnxruntime-node ${software['onnxruntime-node']}`;
}
