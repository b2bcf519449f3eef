/**
 * CMake's build step: makes the program in a folder of its own.
 *
 *   node build.mjs SOURCE STAGE NPM packages|program
 */
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const [source, stage, npm, step] = process.argv.slice(2);

/** Fails the build with one sentence that says what to do, below what the program has said itself. */
function run(program, args, advice) {
  try {
    execFileSync(program, args, {
      cwd: stage,
      stdio: 'inherit',
      // rclnodejs cleans up through npx, which would ask whether it may.
      env: { ...process.env, npm_config_yes: 'true', npm_config_fund: 'false', npm_config_audit: 'false' },
    });
  } catch {
    console.error(`\nSaccade: ${advice}`);
    process.exit(1);
  }
}

function copy(name) {
  rmSync(join(stage, name), { recursive: true, force: true });
  if (existsSync(join(source, name))) cpSync(join(source, name), join(stage, name), { recursive: true });
}

function packages() {
  for (const name of ['package.json', 'package-lock.json', '.npmrc']) copy(name);
  run(
    npm,
    ['ci', '--ignore-scripts', '--prefer-offline'],
    'npm ci failed; it needs the package registry that `npm config get registry` names, or a cache filled from it.',
  );
  // Optional packages may fail in `npm ci` unheard; in a ROS 2 workspace rclnodejs is not optional.
  run(
    npm,
    ['rebuild'],
    'the packages with native code could not be built; rclnodejs needs ROS 2 sourced, a C++ compiler, make and python3.',
  );
}

function program() {
  for (const name of ['package.json', 'tsconfig.json', 'src']) copy(name);
  rmSync(join(stage, 'dist'), { recursive: true, force: true });
  const compiler = join(stage, 'node_modules/typescript/bin/tsc');
  run(process.execPath, [compiler, '-p', 'tsconfig.json'], 'the TypeScript does not compile.');
}

mkdirSync(stage, { recursive: true });
if (step === 'packages') packages();
else program();
// Its text tells one build from the next.
writeFileSync(join(stage, `${step}.stamp`), new Date().toISOString());
