/** Finds, loads and starts ROS 2. The only file that imports `rclnodejs`. */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { UserError } from '../../errors.js';
import { expectImages } from '../../heap.js';
import { ManagedNode } from './managedNode.js';
import type { ManagedRcl, NativeLifecycle } from './rclManaged.js';
import type { NativeClock, Rclnodejs } from './rclnodejs.js';
import { RosNode } from './rosNode.js';

type Native = NativeClock & NativeLifecycle;

/** How long a wait for messages may sleep, ms; it only bounds how fast a shutdown is noticed. */
const SPIN_MS = 10;

export interface ConnectOptions {
  /** Take the time from `/clock` (`use_sim_time`). */
  readonly simTime: boolean;
  /** More of ROS 2's own arguments: `--ros-args -r __ns:=/left`, as `ros2 run` and launch files pass them on. */
  readonly rosArgs?: readonly string[];
}

/**
 * Joins the ROS 2 graph as node `name`.
 * @throws UserError where no ROS 2 is sourced, or rclnodejs is missing or does not fit it
 */
export async function connect(name: string, { simTime, rosArgs = [] }: ConnectOptions): Promise<RosNode> {
  const simTimeArgs = simTime ? ['--ros-args', '-p', 'use_sim_time:=true', '--'] : [];
  return enter([...simTimeArgs, ...rosArgs], (rcl, native) => {
    const node = new rcl.Node(name);
    node.spin(SPIN_MS);
    return new RosNode(rcl, node, native);
  });
}

/**
 * Joins it as a managed (lifecycle) node, `unconfigured`.
 * @throws UserError as `connect` does
 */
export async function connectManaged(name: string, rosArgs: readonly string[] = []): Promise<ManagedNode> {
  return enter(rosArgs, (rcl, native) => {
    const node = new (rcl as ManagedRcl).lifecycle.LifecycleNode(name);
    node.spin(SPIN_MS);
    return new ManagedNode(rcl as ManagedRcl, node, native);
  });
}

/**
 * Sees whether ROS 2 could be joined, and whether rclnodejs has the code of interfaces (`package/msg/Name`), without joining.
 * @throws UserError where not
 */
export async function requireInterfaces(types: readonly string[]): Promise<void> {
  const rcl = await load();
  const missing = types.filter((type) => {
    try {
      rcl.require(type);
      return false;
    } catch {
      return true;
    }
  });
  if (missing.length > 0)
    throw new UserError(
      `rclnodejs has no code for ${missing.join(', ')}: build this package with colcon, source its install/setup.bash, and run \`npx generate-ros-messages\``,
    );
}

async function enter<T>(args: readonly string[], create: (rcl: Rclnodejs, native: Native) => T): Promise<T> {
  const rcl = await load();
  expectImages();
  const { default: native } = await import('rclnodejs/lib/native_loader.js' as string);
  // Ctrl-C is the program's to handle: it has recordings to finish first.
  rcl.removeSignalHandlers();
  try {
    await rcl.init(undefined, ['saccade', ...args]);
    return create(rcl, native);
  } catch (cause) {
    throw new UserError(
      `ROS 2 does not start (${firstLine(cause)}): check ROS_DOMAIN_ID, RMW_IMPLEMENTATION and its configuration`,
      2,
      { cause },
    );
  }
}

/** Looks before it imports: without ROS 2, or without a built binary, importing rclnodejs starts a compiler. */
async function load(): Promise<Rclnodejs> {
  if (!process.env.AMENT_PREFIX_PATH || !process.env.ROS_DISTRO) {
    throw new UserError('ROS 2 is not sourced: run `source /opt/ros/jazzy/setup.bash` in this shell first');
  }
  const dir = packageFolder();
  if (dir === undefined) {
    throw new UserError(
      'rclnodejs is not installed: run `npm install --no-save --yes rclnodejs` with ROS 2 sourced, which builds it',
    );
  }
  if (!(await hasBinary(dir))) {
    throw new UserError(
      `rclnodejs is not built for ROS 2 ${process.env.ROS_DISTRO}: run \`npm rebuild --yes rclnodejs\` with ROS 2 sourced`,
    );
  }
  try {
    const module = await import('rclnodejs' as string);
    return module.default;
  } catch (cause) {
    throw new UserError(
      `rclnodejs does not load (${firstLine(cause)}): run \`npm rebuild --yes rclnodejs\` with this ROS 2 sourced`,
      2,
      { cause },
    );
  }
}

function packageFolder(): string | undefined {
  try {
    return dirname(createRequire(import.meta.url).resolve('rclnodejs/package.json'));
  } catch {
    return undefined;
  }
}

/** Built here, or shipped with the package for exactly this system and ROS 2 (it knows the name). */
async function hasBinary(dir: string): Promise<boolean> {
  if (existsSync(join(dir, 'build/Release/rclnodejs.node'))) return true;
  const { getTaggedPrebuildFilename } = await import('rclnodejs/lib/prebuilds.js' as string);
  const { detectUbuntuCodename } = await import('rclnodejs/lib/utils.js' as string);
  const ubuntuCodename = detectUbuntuCodename();
  if (!ubuntuCodename) return false;
  const file = getTaggedPrebuildFilename({
    rosDistro: process.env.ROS_DISTRO,
    ubuntuCodename,
    arch: process.arch,
    runtime: 'node',
  });
  return existsSync(join(dir, 'prebuilds', `${process.platform}-${process.arch}`, file));
}

function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).trim().split('\n')[0] ?? '';
}
