/** Contract meets bundle: names become indices once, and what does not fit refuses to start. */
import type { RobotContract } from '../contract/contract.js';
import { UserError } from '../errors.js';
import type { PolicyBundle } from './bundle.js';

export interface ContractMatch {
  /** Contract index of each bundle joint. */
  readonly joints: readonly number[];
  /** Contract index of each bundle camera. */
  readonly cameras: readonly number[];
}

/**
 * A robot may have cameras the policy does not use, and of another size: observations are resized. Joints and
 * rate must be the policy's own.
 *
 * @throws UserError naming both files
 */
export function matchContract(contract: RobotContract, bundle: PolicyBundle): ContractMatch {
  const refuse = (what: string): never => {
    throw new UserError(`robot ${contract.file} does not fit policy ${bundle.manifestFile}: ${what}`);
  };

  if (contract.rateHz !== bundle.rateHz) {
    refuse(`rate_hz is ${contract.rateHz} in the robot and ${bundle.rateHz} in the policy`);
  }

  const names = contract.joints.map(({ name }) => name);
  const missing = bundle.joints.filter((name) => !names.includes(name));
  const extra = names.filter((name) => !bundle.joints.includes(name));
  if (missing.length > 0 || extra.length > 0) {
    const parts = [
      missing.length > 0 && `only the policy (state.joints) has ${missing.join(', ')}`,
      extra.length > 0 && `only the robot (joints) has ${extra.join(', ')}`,
    ];
    refuse(`their joints differ: ${parts.filter(Boolean).join('; ')}`);
  }

  const cameras = bundle.cameras.map((wanted) => {
    const index = contract.cameras.findIndex(({ name }) => name === wanted.name);
    const found = contract.cameras[index];
    if (!found) {
      const have = contract.cameras.map(({ name }) => name).join(', ');
      return refuse(`the policy (cameras) needs camera ${wanted.name}, the robot (cameras) has ${have}`);
    }
    if (found.role !== wanted.role) {
      refuse(`camera ${wanted.name} has role ${found.role} in the robot and ${wanted.role} in the policy`);
    }
    return index;
  });

  return { joints: bundle.joints.map((name) => names.indexOf(name)), cameras };
}
