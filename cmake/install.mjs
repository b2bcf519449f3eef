/**
 * CMake's install step: puts the program and the packages it runs on into the install space, and generates
 * rclnodejs's code for this package's own interfaces, which are installed by now.
 *
 *   node install.mjs STAGE PREFIX
 */
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';

const [stage, prefix] = process.argv.slice(2);
const share = join(prefix, 'share/saccade');
const lock = JSON.parse(readFileSync(join(stage, 'package-lock.json'), 'utf8'));

/** Copies a folder, what other packages keep inside it (`node_modules`) and other systems' binaries apart. */
function copyPackage(name) {
  const from = join(stage, name);
  cpSync(from, join(share, name), {
    recursive: true,
    filter: (file) => file === from || (basename(file) !== 'node_modules' && !isForeign(file)),
  });
}

/** onnxruntime-node comes with the libraries of every system it runs on: 220 MB too many. */
function isForeign(file) {
  const [, system] = /onnxruntime-node\/bin\/napi-v\d+\/(\w+)$/.exec(file) ?? [];
  return system !== undefined && system !== process.platform;
}

/** What npm installs with `--omit=dev`. Copied only when the packages have changed: it is most of the time. */
function installPackages() {
  const stamp = join(share, 'node_modules/.packages');
  const packages = readFileSync(join(stage, 'packages.stamp'), 'utf8');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === packages) return;
  rmSync(join(share, 'node_modules'), { recursive: true, force: true });
  for (const [name, { dev }] of Object.entries(lock.packages))
    if (name !== '' && !dev && existsSync(join(stage, name))) copyPackage(name);
  writeFileSync(stamp, packages);
}

function installProgram() {
  rmSync(join(share, 'dist'), { recursive: true, force: true });
  cpSync(join(stage, 'dist'), join(share, 'dist'), { recursive: true });
  cpSync(join(stage, 'package.json'), join(share, 'package.json'));
}

/** rclnodejs writes it into its own folder; done here, no two nodes that start together have to. */
function generateMessages() {
  const rclnodejs = join(share, 'node_modules/rclnodejs');
  const worker = join(rclnodejs, 'rosidl_gen/generate_worker.cjs');
  execFileSync(process.execPath, [worker], {
    stdio: 'inherit',
    env: { ...process.env, WORKER_TARGET_PATH: prefix },
  });
  const generated = join(rclnodejs, 'generated/saccade');
  if (!existsSync(generated) || readdirSync(generated).length === 0)
    throw new Error(`rclnodejs generated no code for the interfaces in ${prefix}`);
}

mkdirSync(share, { recursive: true });
installPackages();
installProgram();
generateMessages();
