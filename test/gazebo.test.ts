/** Worlds for Gazebo as the program writes them, and what sdformat's own checker says of them. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { beforeAll, describe, expect, it } from 'vitest';
import { loadContract } from '../src/contract/load.js';
import { RELEASES } from '../src/gazebo/world/release.js';
import { ROOT, saccade, temporaryFolder } from './support/cli.js';

const tmp = temporaryFolder();

/** `gz sdf` or `ign sdf`, which Debian has in libsdformat-dev. */
const CHECKER = [
  ['gz', 'sdf'],
  ['ign', 'sdf'],
].find(([program, command]) => spawnSync(program, [command, '--help']).status === 0);
if (!CHECKER)
  console.warn(
    'SDF is not checked by sdformat: `apt install ignition-tools libsdformat-dev` has its checker',
  );

describe.each(RELEASES)('saccade gazebo-world --gz %s', (release) => {
  const folder = join(mkdtempSync(join(tmp, 'world-')), 'made');
  beforeAll(async () => {
    const { code, stdout, stderr } = await saccade([
      'gazebo-world',
      '--gz',
      release,
      '--out',
      folder,
      '--json',
    ]);
    expect(stderr).toBe('');
    expect(code).toBe(0);
    const { world, files } = JSON.parse(stdout);
    expect(world).toBe(join(folder, 'saccade.sdf'));
    for (const file of files) expect(existsSync(file)).toBe(true);
  });

  it('writes every mesh and picture that the world names', async () => {
    const text = readFileSync(join(folder, 'saccade.sdf'), 'utf8');
    const named = [...text.matchAll(/<(?:uri|albedo_map)>([^<]+)</g)].map(([, file]) => file);
    expect(named.length).toBeGreaterThan(20);
    for (const file of named) expect(existsSync(join(folder, file)), file).toBe(true);
    const { width, height, format } = await sharp(join(folder, 'textures/saccade_table.png')).metadata();
    expect([format, (width ?? 0) > 900, (height ?? 0) > 900]).toEqual(['png', true, true]);
  });

  it.skipIf(!CHECKER)('writes what sdformat takes', () => {
    const [program, command] = CHECKER as [string, string];
    const check = (file: string) => spawnSync(program, [command, '-k', file], { encoding: 'utf8' });
    const { stdout, stderr } = check(join(folder, 'saccade.sdf'));
    expect(stdout + stderr).toContain('Valid.');
    expect(stdout + stderr).not.toMatch(/^(?:\S*)(?:Error|Warning)\b(?!.*backward)/m);
    // And it does look: a link of the same name as a joint is refused.
    const broken = join(tmp, `broken-${release}.sdf`);
    const text = readFileSync(join(folder, 'saccade.sdf'), 'utf8');
    writeFileSync(broken, text.replaceAll('forearm_link', 'elbow'));
    const refused = check(broken);
    expect(refused.stdout + refused.stderr).not.toContain('Valid.');
  });
});

describe('config/robots/gazebo_arm.yaml', () => {
  it('has the joints, limits, cameras, rate and rewards of sim_arm.yaml', async () => {
    const [gazebo, simulated] = await Promise.all(
      ['gazebo_arm', 'sim_arm'].map((name) => loadContract(join(ROOT, `config/robots/${name}.yaml`))),
    );
    for (const key of ['joints', 'rateHz', 'reward', 'safety', 'sim'] as const)
      expect(gazebo[key], key).toEqual(simulated[key]);
    // None may be lost: in lockstep each is waited for.
    expect(gazebo.cameras).toEqual(simulated.cameras.map((camera) => ({ ...camera, qos: 'reliable' })));
  });
});

describe('saccade gazebo-world', () => {
  it('has what ros2_control needs beside it, where that is wanted', async () => {
    const folder = mkdtempSync(join(tmp, 'control-'));
    const { code } = await saccade(['gazebo-world', '--control', 'ros2_control', '--out', folder]);
    expect(code).toBe(0);
    const urdf = readFileSync(join(folder, 'robot.urdf'), 'utf8');
    expect(urdf).toContain('<plugin>gz_ros2_control/GazeboSimSystem</plugin>');
    expect(urdf).toContain('<mimic joint="gripper" multiplier="1" offset="0"/>');
    expect(readFileSync(join(folder, 'saccade.sdf'), 'utf8')).toContain(join(folder, 'controllers.yaml'));
    expect(readFileSync(join(folder, 'controllers.yaml'), 'utf8')).toContain('gazebo_controller:');
  });

  it.each([
    [['--gz', 'garden'], /garden.*fortress, harmonic/],
    [['--robot', join(ROOT, 'config/robots/so101.yaml')], /so101\.yaml has no sim section/],
    [['--task', 'transfer_cube'], /transfer_cube is for a robot with 2 arms/],
    [['--out', '/proc/saccade'], /--out \/proc\/saccade cannot be created/],
  ])('says what is wrong with %j, in one sentence', async (args, sentence) => {
    const { code, stderr } = await saccade(['gazebo-world', '--out', join(tmp, 'none'), ...args]);
    expect(code).toBe(2);
    expect(stderr).toMatch(sentence);
    expect(stderr.trim().split('\n')).toHaveLength(1);
  });
});
