/** This repository built as a ROS 2 package: what `colcon build` makes of it in a workspace of its own. */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { ros, sourcedFrom } from './sourced.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** The first build takes minutes; it is kept, and brought up to date by the next. One for each checkout. */
const WORKSPACE = join(
  tmpdir(),
  `saccade-colcon-${createHash('sha256').update(ROOT).digest('hex').slice(0, 12)}`,
);

/** What `beforeAll` must be given for a first build, ms. */
export const BUILD_TIMEOUT_MS = 900_000;

/**
 * Builds the workspace, or waits for who is building it.
 * @param env with ROS 2 in it; what was found where absent. The interfaces that it has are those that the build knows
 * @returns the environment with its install space sourced
 */
export async function buildWorkspace(env?: NodeJS.ProcessEnv): Promise<NodeJS.ProcessEnv> {
  if ('missing' in ros) throw new Error(ros.missing);
  const given = env ?? ros.env;
  mkdirSync(join(WORKSPACE, 'src'), { recursive: true });
  if (!existsSync(join(WORKSPACE, 'src/saccade'))) symlinkSync(ROOT, join(WORKSPACE, 'src/saccade'));
  const build = [join(WORKSPACE, '.lock'), 'nice', 'colcon', 'build'];
  await promisify(execFile)('flock', build, { cwd: WORKSPACE, env: given, maxBuffer: 2 ** 26 }).catch(
    ({ stdout, stderr }) => {
      throw new Error(`colcon build failed in ${WORKSPACE}:\n${stdout}${stderr}`);
    },
  );
  return sourcedFrom(join(WORKSPACE, 'install/setup.bash'), given);
}
