/** Execution providers, by running the policy on each; and the driver that those for NVIDIA's GPUs need. */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { PolicyBundle } from '../../infer/bundle.js';
import { PROVIDERS, type Provider } from '../../infer/providers.js';
import { workerUrl } from '../../workers.js';
import { nvidiaGpus } from '../machine.js';
import { type Finding, fail, ok, reason, warn } from './check.js';
import type { Probed } from './probe.js';

/** A machine that is busy with other things takes 20 s to open a policy. */
const TIMEOUT_MS = 60_000;
const DRIVER = '/proc/driver/nvidia/version';

export async function checkGpu(driverFile = DRIVER): Promise<Finding> {
  const name = 'gpu driver';
  const gpus = await nvidiaGpus();
  if (gpus && gpus.length > 0)
    return ok(name, gpus.map((gpu) => `${gpu.name}, ${gpu.memory}, driver ${gpu.driver}`).join('; '));
  const driver = (await readFile(driverFile, 'utf8').catch(() => '')).split('\n')[0];
  if (driver)
    return warn(
      name,
      `${driver}, but nvidia-smi lists no GPU`,
      'see what `nvidia-smi` says: a driver updated without a restart is the usual cause',
    );
  return warn(name, 'no NVIDIA driver', 'policies run on the CPU; for cuda and tensorrt install the driver');
}

/** One after the other: side by side they would slow each other down. */
export async function checkProviders(bundle: PolicyBundle): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const provider of PROVIDERS) findings.push(judge(provider, bundle, await probe(provider, bundle.dir)));
  return findings;
}

async function probe(provider: Provider, folder: string): Promise<Probed> {
  const program = fileURLToPath(workerUrl('./probe.js', import.meta.url));
  try {
    const { stdout } = await promisify(execFile)(process.execPath, [program, folder, provider], {
      timeout: TIMEOUT_MS,
      killSignal: 'SIGKILL',
    });
    return JSON.parse(stdout) as Probed;
  } catch (error) {
    const { killed, signal, code } = error as { killed?: boolean; signal?: string; code?: number };
    const why = killed
      ? `no answer within ${TIMEOUT_MS / 1000} s; end what else runs here and try again`
      : signal
        ? `it crashed (${signal})`
        : `it ended with exit code ${code}: ${reason(error)}`;
    return { usable: false, reason: `provider ${provider} cannot be used: ${why}` };
  }
}

export function judge(provider: Provider, { name: policy, rateHz }: PolicyBundle, probed: Probed): Finding {
  const name = `provider ${provider}`;
  if (!probed.usable) {
    const clauses = probed.reason.replace(`${name} cannot be used: `, '').split('; ');
    const advice = clauses.length > 1 ? clauses.pop() : undefined;
    if (provider === 'cpu')
      return fail(name, clauses.join('; '), advice ?? 'mend the policy, or reinstall with `npm ci`');
    return warn(
      name,
      clauses.join('; '),
      `${advice ?? 'see docs/providers.md'}, or do without: --provider cpu`,
    );
  }
  const { runMs, loadMs, notes } = probed;
  const periodMs = 1000 / rateHz;
  const found = `${policy} runs in ${runMs.toFixed(1)} ms (opened in ${loadMs.toFixed(0)} ms)${notes.map((note) => `; ${note}`).join('')}`;
  return runMs > periodMs
    ? warn(
        name,
        `${found}, longer than the policy's period of ${periodMs.toFixed(0)} ms`,
        'see `saccade bench` for a faster provider, precision or thread count',
      )
    : ok(name, found);
}
