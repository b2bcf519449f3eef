/**
 * The launch file for Gazebo, with stand-ins for Gazebo and its bridge: what it starts, and what it says where one of them is
 * missing or dies. With the real ones: test/gazebo.
 */
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from 'node:fs';
import { delimiter, join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { ROOT, temporaryFolder } from '../support/cli.js';
import { finished, ros, start } from './ros.js';
import { BUILD_TIMEOUT_MS, buildWorkspace } from './workspace.js';

const tmp = temporaryFolder();

if ('missing' in ros) console.warn(`gazebo.launch.py is not tested: ${ros.missing}`);

describe.skipIf('missing' in ros)('gazebo.launch.py', () => {
  let env: NodeJS.ProcessEnv;
  beforeAll(async () => {
    env = await buildWorkspace();
  }, BUILD_TIMEOUT_MS);

  /** An executable shell script. */
  const script = (file: string, text: string): void => {
    mkdirSync(join(file, '..'), { recursive: true });
    writeFileSync(file, `#!/bin/sh\n${text}\n`);
    chmodSync(file, 0o755);
  };

  /** With programs `gz` and `ign`, and a package ros_gz_bridge, that are these scripts. */
  const standIns = (gazebo: string, bridge?: string): NodeJS.ProcessEnv => {
    const prefix = mkdtempSync(join(tmp, 'prefix-'));
    for (const name of ['gz', 'ign']) script(join(prefix, 'bin', name), gazebo);
    if (bridge !== undefined) {
      script(join(prefix, 'lib/ros_gz_bridge/parameter_bridge'), bridge);
      mkdirSync(join(prefix, 'share/ament_index/resource_index/packages'), { recursive: true });
      writeFileSync(join(prefix, 'share/ament_index/resource_index/packages/ros_gz_bridge'), '');
    }
    return {
      ...env,
      TMPDIR: mkdtempSync(join(tmp, 'tmp-')),
      PATH: [join(prefix, 'bin'), env.PATH].join(delimiter),
      AMENT_PREFIX_PATH: [prefix, env.AMENT_PREFIX_PATH].join(delimiter),
    };
  };
  const launch = (env: NodeJS.ProcessEnv, ...given: string[]) =>
    finished(
      start('ros2', ['launch', 'saccade', 'gazebo.launch.py', `record_dir:=${join(tmp, 'runs')}`, ...given], {
        env,
      }),
    );

  it('loads', async () => {
    const file = join(ROOT, 'launch/gazebo.launch.py');
    const { code, stdout, stderr } = await finished(start('ros2', ['launch', file, '--print'], { env }));
    expect(code, stderr).toBe(0);
    expect(stdout).toContain('OpaqueFunction');
  });

  it('says where Gazebo is not installed', async () => {
    const { code, stdout, stderr } = await launch(standIns('exit 1', 'sleep 100'));
    expect(code).toBe(1);
    expect(stdout + stderr).toContain(
      'Gazebo was not found: neither `gz sim` nor `ign gazebo` runs here; docs/gazebo.md says how to install it.',
    );
  });

  it('says what ros2_control needs, where that is wanted', async () => {
    const { code, stdout, stderr } = await launch(
      standIns('[ "$2" = --versions ] && echo 6.16.0', 'sleep 100'),
      'gz:=fortress',
      'control:=ros2_control',
    );
    expect(code).toBe(1);
    expect(stdout + stderr).toContain(
      'control:=ros2_control needs Gazebo Harmonic and the packages gz_ros2_control',
    );
  });

  it('says what is wrong with the task', async () => {
    const { code, stdout, stderr } = await launch(
      standIns('[ "$2" = --versions ] && echo 8.9.0', 'sleep 100'),
      'task:=juggle',
    );
    expect(code).toBe(1);
    expect(stdout + stderr).toContain("task 'juggle' is unknown");
  });

  it('gives Gazebo a world and the bridge its file, and ends with all of them when one dies', async () => {
    const seen = join(mkdtempSync(join(tmp, 'seen-')), 'gazebo');
    // It dies as soon as it has kept what it was given.
    const gazebo = `[ "$2" = --versions ] && { echo 8.9.0; exit; }
for last; do :; done
cp "$last" ${seen}.sdf; cp "$(dirname "$last")/bridge.yaml" ${seen}.yaml; echo "$@" > ${seen}.args; exit 7`;
    const environment = standIns(gazebo, 'exec sleep 100');
    const { code, stdout, stderr } = await launch(environment, 'seed:=5', 'control:=plain');
    expect(stdout + stderr).toContain('gazebo ended before the episodes were done (exit code 7)');
    expect(code).toBe(1);
    expect(readFileSync(`${seen}.args`, 'utf8')).toMatch(
      /^sim -r -v 1 -s --headless-rendering \/.*\/saccade\.sdf\n$/,
    );
    expect(readFileSync(`${seen}.sdf`, 'utf8')).toContain('gz::sim::systems::Physics');
    expect(readFileSync(`${seen}.yaml`, 'utf8')).toContain('gz_type_name: gz.msgs.Clock');
    // Nothing is left lying about.
    expect(
      readdirSync(environment.TMPDIR as string).filter((name) => name.startsWith('saccade-gazebo-')),
    ).toEqual([]);
    expect(existsSync(join(tmp, 'runs'))).toBe(false);
  });
});
