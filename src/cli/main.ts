#!/usr/bin/env node
/** The `saccade` program: one file a command, exit codes 0 done, 1 unexpected, 2 bad input, 130 interrupted. */
import { Command, CommanderError } from 'commander';
import { UserError } from '../errors.js';
import { version } from '../version.js';
import { bagCommand } from './bag.js';
import { benchCommand } from './bench.js';
import { datasetCommand } from './dataset.js';
import { demosCommand } from './demos.js';
import { doctorCommand } from './doctor.js';
import { gazeboPeerCommand } from './gazeboPeer.js';
import { gazeboWorldCommand } from './gazeboWorld.js';
import { inspectCommand } from './inspect.js';
import { log, setVerbose } from './log.js';
import { nodeCommand } from './node.js';
import { recordCommand } from './record.js';
import { replayCommand } from './replay.js';
import { reportCommand } from './report.js';
import { rolloutCommand } from './rollout.js';
import { simCommand } from './sim.js';
import { simRobotCommand } from './simRobot.js';
import { startCommand } from './start.js';

function program(): Command {
  const root = new Command('saccade')
    .description('Runs visuomotor policies in closed loop, and says how often the robot succeeds.')
    .version(version)
    .option('--verbose', 'show debug messages, and the stack trace of an error')
    .hook('preAction', (command) => setVerbose(command.optsWithGlobals().verbose === true))
    .exitOverride()
    .configureOutput({
      outputError: (text) =>
        log.error(
          text
            .trim()
            .replace(/^error: /, '')
            .replaceAll('\n', ' '),
        ),
    })
    .showHelpAfterError(false);
  const commands = [
    startCommand,
    rolloutCommand,
    replayCommand,
    reportCommand,
    inspectCommand,
    benchCommand,
    doctorCommand,
    bagCommand,
    datasetCommand,
    nodeCommand,
    recordCommand,
    demosCommand,
    simCommand,
    simRobotCommand,
    gazeboWorldCommand,
    gazeboPeerCommand,
  ];
  for (const create of commands) addCommand(root, create());
  return root;
}

/** `exitOverride` and `configureOutput` are inherited only by commands that commander made itself. */
function addCommand(parent: Command, child: Command): void {
  parent.addCommand(child);
  inherit(parent, child);
}

function inherit(parent: Command, child: Command): void {
  child.copyInheritedSettings(parent);
  for (const grandchild of child.commands) inherit(child, grandchild);
}

/** The exit code, after one sentence on stderr. */
function report(error: unknown, verbose: boolean): number {
  // Commander has already said what it has to say; help and --version are its "errors" of exit code 0.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof UserError) log.error(message);
  else log.error(`Unexpected: ${message} (run again with --verbose for the stack trace).`);
  if (verbose && error instanceof Error && error.stack) log.error(error.stack);
  return error instanceof UserError ? error.exitCode : 1;
}

// `saccade … | head` closes our stdout early: that is the reader's right, not an error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});

const root = program();
try {
  await root.parseAsync();
} catch (error) {
  process.exitCode = report(error, process.argv.includes('--verbose'));
}
