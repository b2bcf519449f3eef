/** Node and the processor. */
import { readFile } from 'node:fs/promises';
import { availableParallelism, cpus, loadavg } from 'node:os';
import { type Finding, fail, ok, warn } from './check.js';

/** What package.json asks for, and what rclnodejs asks for besides. */
const NODE = [20, 15, 0] as const;
const NODE_FOR_ROS = [20, 20, 2] as const;

export function checkNode(version: string = process.versions.node): Finding {
  const name = 'node';
  if (older(version, NODE)) return fail(name, `Node ${version}`, `install Node ${NODE.join('.')} or newer`);
  if (older(version, NODE_FOR_ROS))
    return warn(name, `Node ${version}`, `ROS 2 needs ${NODE_FOR_ROS.join('.')} or newer: install that`);
  return ok(name, `Node ${version} on ${process.platform}/${process.arch}`);
}

function older(version: string, wanted: readonly [number, number, number]): boolean {
  const have = version.split('.').map(Number);
  const at = wanted.findIndex((part, i) => part !== have[i]);
  return at >= 0 && (have[at] ?? 0) < (wanted[at] ?? 0);
}

const GOVERNOR = '/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor';

/** @param load average of the last minute: processes that want a core */
export async function checkCpu(
  governorFile = GOVERNOR,
  cores = availableParallelism(),
  [load = 0] = loadavg(),
): Promise<Finding> {
  const governor = (await readFile(governorFile, 'utf8').catch(() => '')).trim();
  const name = 'cpu';
  const found = `${cpus()[0]?.model.trim() ?? 'unknown'}, ${cores} ${cores === 1 ? 'core' : 'cores'}${governor && `, governor ${governor}`}, load ${load.toFixed(1)}`;
  if (governor !== '' && governor !== 'performance')
    return warn(
      name,
      found,
      'cores slow down between inferences: run `cpupower frequency-set -g performance` on the robot',
    );
  if (cores < 2) return warn(name, found, 'the loop and the policy share a core: a robot needs two or more');
  if (load > cores)
    return warn(
      name,
      found,
      'other programs want all of it: end them before a robot moves, or figures are read',
    );
  return ok(name, found);
}
