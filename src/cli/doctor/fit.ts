/** The policy and the robot that somebody means to bring together. */
import type { RobotContract } from '../../contract/contract.js';
import { loadContract } from '../../contract/load.js';
import { UserError } from '../../errors.js';
import type { PolicyBundle } from '../../infer/bundle.js';
import { loadBundle } from '../../infer/load.js';
import { matchContract } from '../../infer/match.js';
import { type Finding, fail, ok } from './check.js';

export interface Fit {
  readonly findings: readonly Finding[];
  /** Where it can be read. */
  readonly bundle?: PolicyBundle;
}

export async function checkFit(policy: string | undefined, robot: string | undefined): Promise<Fit> {
  const findings: Finding[] = [];
  const bundle = policy === undefined ? undefined : await read('policy', () => loadBundle(policy), findings);
  const contract = robot === undefined ? undefined : await read('robot', () => loadContract(robot), findings);
  if (bundle) findings.push(ok('policy', `${bundle.name} in ${bundle.dir}`));
  if (contract) findings.push(ok('robot', `${contract.name} in ${contract.file}`));
  if (bundle && contract) findings.push(match(contract, bundle));
  return { findings, ...(bundle && { bundle }) };
}

function match(contract: RobotContract, bundle: PolicyBundle): Finding {
  try {
    matchContract(contract, bundle);
    return ok('fit', `${bundle.name} fits ${contract.name}`);
  } catch (error) {
    return refused('fit', error);
  }
}

async function read<T>(name: string, load: () => Promise<T>, findings: Finding[]): Promise<T | undefined> {
  try {
    return await load();
  } catch (error) {
    findings.push(refused(name, error));
    return undefined;
  }
}

/** The sentence says what to do already. */
function refused(name: string, error: unknown): Finding {
  if (!(error instanceof UserError)) throw error;
  return fail(name, error.message, 'mend that file, or name another');
}
