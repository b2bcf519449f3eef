/** `saccade doctor`: what works on this machine, what does not, and what to do about it. */
import { join } from 'node:path';
import { Command } from 'commander';
import { loadBundle } from '../infer/load.js';
import type { Finding } from './doctor/check.js';
import { checkRealtime, judgeClock, judgeTimers, readClocks, synchronised } from './doctor/clock.js';
import { checkDisk } from './doctor/disk.js';
import { checkFit } from './doctor/fit.js';
import { checkFfmpeg, checkImages, checkRecorder } from './doctor/media.js';
import { checkGpu, checkProviders } from './doctor/providers.js';
import { checkRos } from './doctor/ros.js';
import { checkCpu, checkNode } from './doctor/system.js';
import { packageRoot } from './paths.js';

interface DoctorOptions {
  policy?: string;
  robot?: string;
  record: string;
  json?: boolean;
}

/** No policy can run here, or not this one on this robot. */
const UNFIT = 1;

export function doctorCommand(): Command {
  return new Command('doctor')
    .description('Check what works on this machine; exit code 1 when no policy can run here, 0 otherwise.')
    .option('--policy <dir>', 'check this policy bundle, too, and run it (default: the shipped one is run)')
    .option('--robot <file>', 'check this robot contract, too, and whether it fits the policy')
    .option('--record <dir>', 'measure the disk of this folder', 'out')
    .option('--json', 'print one JSON object')
    .action(doctor);
}

async function doctor({ policy, robot, record, json }: DoctorOptions): Promise<void> {
  const findings: Finding[] = [];
  const add = (...found: readonly Finding[]) => {
    findings.push(...found);
    if (!json) for (const finding of found) process.stdout.write(`${line(finding)}\n`);
  };
  // One after the other: timers, disk and inference are measured, and would disturb each other.
  add(checkNode(), await checkCpu());
  const clocks = await readClocks();
  add(judgeTimers(clocks), judgeClock(clocks, await synchronised()), await checkRealtime());
  const { findings: fit, bundle } = await checkFit(policy, robot);
  add(...fit);
  add(await checkGpu());
  if (bundle || policy === undefined)
    add(...(await checkProviders(bundle ?? (await loadBundle(join(packageRoot, 'models/pick_lift'))))));
  add(...(await checkRos()));
  add(await checkImages(), await checkFfmpeg(), await checkRecorder());
  add(await checkDisk(record));

  const fitToRun = findings.every(({ level }) => level !== 'fail');
  if (json) process.stdout.write(`${JSON.stringify({ fit_to_run: fitToRun, findings })}\n`);
  else process.stdout.write(`\n${verdict(findings)}\n`);
  if (!fitToRun) process.exitCode = UNFIT;
}

const NAME_WIDTH = 19;

/** `warn  disk  …`, and what to do on a line of its own. */
export function line({ name, level, finding, advice }: Finding): string {
  const indent = ' '.repeat(6 + NAME_WIDTH);
  return `${level.padEnd(4)}  ${name.padEnd(NAME_WIDTH)}${finding}${advice === undefined ? '' : `\n${indent}→ ${advice}`}`;
}

function verdict(findings: readonly Finding[]): string {
  const of = (level: Finding['level']) => findings.filter((finding) => finding.level === level).length;
  const [failed, warned] = [of('fail'), of('warn')];
  const warnings = `${warned} ${warned === 1 ? 'warning' : 'warnings'}`;
  return failed > 0
    ? `Not fit to run a policy: ${failed} ${failed === 1 ? 'check' : 'checks'} failed, ${warnings}.`
    : `Fit to run a policy; ${warnings}.`;
}
