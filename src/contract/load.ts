/** Reads a robot contract: a YAML file with snake_case keys, such as config/robots/sim_arm.yaml. */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { UserError } from '../errors.js';
import {
  CAMERA_QOS,
  CAMERA_ROLES,
  COMMAND_TYPES,
  type CommandSpec,
  RESET_TYPES,
  type RobotContract,
} from './contract.js';
import { distinct, name, pixels, positive } from './schema.js';
import { parseYaml } from './yaml.js';

/** A fully qualified ROS 2 topic name: https://design.ros2.org/articles/topic_and_service_names.html */
const topic = z
  .string()
  .regex(/^(\/[A-Za-z_][A-Za-z0-9_]*)+$/, 'must be a full topic name such as /camera/image_raw');

const ros = z.strictObject({
  name: name.optional(),
  scale: z
    .number()
    .refine((scale) => scale !== 0, 'must not be 0')
    .default(1),
  offset: z.number().default(0),
  topic: topic.optional(),
});

const joint = z
  .strictObject({
    name,
    min: z.number(),
    max: z.number(),
    velocity: positive,
    acceleration: positive,
    ros: ros.optional(),
  })
  .refine(({ min, max }) => min < max, { path: ['max'], error: 'must be greater than min' })
  .transform(({ ros, ...rest }) => ({
    ...rest,
    ...(ros && {
      ros: {
        name: ros.name ?? rest.name,
        scale: ros.scale,
        offset: ros.offset,
        ...(ros.topic && { topic: ros.topic }),
      },
    }),
  }));

const camera = z
  .strictObject({
    name,
    role: z.enum(CAMERA_ROLES),
    width: pixels,
    height: pixels,
    max_age_s: positive,
    topic: topic.optional(),
    qos: z.enum(CAMERA_QOS).default('sensor_data'),
  })
  .transform(({ max_age_s, topic, ...rest }) => ({
    ...rest,
    maxAgeS: max_age_s,
    topic: topic ?? `/${rest.name}/image_raw`,
  }));

const jointStates = z
  .union(
    [z.strictObject({ topic }), z.strictObject({ topics: z.array(topic).min(1) })],
    'must have either topic or a list of topics, full names such as /joint_states',
  )
  .transform((states) =>
    'topic' in states ? { topics: [states.topic] } : { topics: [...new Set(states.topics)], partial: true },
  );

const command = z.strictObject({ topic, type: z.enum(COMMAND_TYPES) });
const commands = z
  .array(command.extend({ joints: z.array(name).min(1).optional() }))
  .min(1)
  .superRefine(distinct('topic'));

const reset = z
  .strictObject({ service: topic, type: z.enum(RESET_TYPES), timeout_s: positive.default(30) })
  .transform(({ timeout_s, ...rest }) => ({ ...rest, timeoutS: timeout_s }));

const lockstep = z
  .strictObject({ service: topic, step_s: positive, reward: z.boolean().default(false) })
  .transform(({ step_s, ...rest }) => ({ ...rest, stepS: step_s }));

const sync = z.strictObject({
  tolerance_s: z.number().nonnegative().optional(),
  max_skew_s: positive.optional(),
});

const safety = z
  .strictObject({ ramp_in_s: z.number().nonnegative(), joints_max_age_s: positive })
  .transform(({ ramp_in_s, joints_max_age_s }) => ({ rampInS: ramp_in_s, jointsMaxAgeS: joints_max_age_s }));

/**
 * @param folder that relative paths start from
 * @param exists what tells a file that is there
 */
const contract = (folder: string, exists: (file: string) => boolean) =>
  z
    .strictObject({
      name,
      rate_hz: positive,
      command_rate_hz: positive.optional(),
      sim: z
        .strictObject({
          scene: z
            .string()
            .transform((scene) => path.resolve(folder, scene))
            .refine(exists, { error: `must be a file, its path relative to ${folder}` }),
        })
        .optional(),
      joints: z.array(joint).min(1).superRefine(distinct('name')).superRefine(distinctRosNames),
      cameras: z.array(camera).min(1).superRefine(distinct('name')).superRefine(distinct('topic')),
      joint_states: jointStates.default({ topics: ['/joint_states'] }),
      command: command.optional(),
      commands: commands.optional(),
      reward: z
        .strictObject({ topic: topic.default('/reward'), max: positive.default(1) })
        .default({ topic: '/reward', max: 1 }),
      success: z.strictObject({ topic }).optional(),
      reset: reset.optional(),
      lockstep: lockstep.optional(),
      sync: sync.default({}),
      safety,
    })
    .superRefine(commandsOnTicks)
    .superRefine(stepsInCommands)
    .superRefine(commandsOfAllJoints)
    .superRefine(jointsOnKnownTopics)
    .transform(
      ({
        rate_hz,
        command_rate_hz,
        joint_states,
        sim,
        command,
        commands,
        sync,
        success,
        reset,
        lockstep,
        ...rest
      }) => {
        const all = rest.joints.map((joint) => joint.name);
        const given = commands ?? [command ?? { topic: '/joint_commands', type: COMMAND_TYPES[0] }];
        return {
          ...rest,
          ...(sim && { sim }),
          ...(success && { success }),
          ...(reset && { reset }),
          ...(lockstep && { lockstep }),
          rateHz: rate_hz,
          commandRateHz: command_rate_hz ?? rate_hz,
          jointStates: joint_states,
          commands: given.map((each): CommandSpec => ({ joints: all, ...each })),
          sync: {
            toleranceS: sync.tolerance_s ?? 0.5 / rate_hz,
            maxSkewS: sync.max_skew_s ?? Math.max(...rest.cameras.map(({ maxAgeS }) => maxAgeS)),
          },
        };
      },
    );

/** More commands a second than this are more than one message each can carry on time. */
const MAX_COMMAND_RATE_HZ = 500;

/** Every tick of the policy begins with a command. */
function commandsOnTicks(
  { rate_hz, command_rate_hz }: { readonly rate_hz: number; readonly command_rate_hz?: number | undefined },
  context: z.RefinementCtx,
): void {
  if (command_rate_hz === undefined) return;
  const perTick = command_rate_hz / rate_hz;
  if (command_rate_hz <= MAX_COMMAND_RATE_HZ && perTick >= 1 && Number.isInteger(perTick)) return;
  context.addIssue({
    code: 'custom',
    path: ['command_rate_hz'],
    message: `must be a whole multiple of rate_hz (${rate_hz}), ${MAX_COMMAND_RATE_HZ} at most`,
  });
}

/** Time that is stepped must come to the instants of commands. */
function stepsInCommands(
  {
    rate_hz,
    command_rate_hz = rate_hz,
    lockstep,
  }: {
    readonly rate_hz: number;
    readonly command_rate_hz?: number | undefined;
    readonly lockstep?: { readonly stepS: number } | undefined;
  },
  context: z.RefinementCtx,
): void {
  if (!lockstep) return;
  const steps = 1 / command_rate_hz / lockstep.stepS;
  if (Math.round(steps) >= 1 && Math.abs(steps - Math.round(steps)) < 1e-6) return;
  context.addIssue({
    code: 'custom',
    path: ['lockstep', 'step_s'],
    message: `must divide the period of commands, ${1 / command_rate_hz} s`,
  });
}

interface NamedJoint {
  readonly name: string;
  readonly ros?: { readonly name: string; readonly topic?: string };
}

/** Of two joints that messages call the same, both must say on which topic they are. */
function distinctRosNames(joints: readonly NamedJoint[], context: z.RefinementCtx): void {
  const seen = new Map<string, (string | undefined)[]>();
  joints.forEach(({ name, ros }, i) => {
    const own = ros?.name ?? name;
    const topics = seen.get(own) ?? [];
    if (topics.some((topic) => topic === undefined || topic === (ros?.topic ?? topic))) {
      const path = ros ? [i, 'ros', 'name'] : [i, 'name'];
      const message = 'must differ from the ROS names before it, or both must have a ros.topic of their own';
      context.addIssue({ code: 'custom', path, message });
    }
    seen.set(own, [...topics, ros?.topic]);
  });
}

function commandsOfAllJoints(
  {
    joints,
    command,
    commands,
  }: {
    readonly joints: readonly { readonly name: string }[];
    readonly command?: unknown;
    readonly commands?: readonly { readonly joints?: readonly string[] | undefined }[] | undefined;
  },
  context: z.RefinementCtx,
): void {
  if (!commands) return;
  const refuse = (path: PropertyKey[], message: string) =>
    context.addIssue({ code: 'custom', path, message: `must ${message}` });
  if (command) refuse(['command'], 'be left out where there are commands');
  const all = joints.map((joint) => joint.name);
  const seen = new Set<string>();
  commands.forEach((each, i) => {
    (each.joints ?? all).forEach((joint, j) => {
      const path = each.joints ? ['commands', i, 'joints', j] : ['commands', i, 'topic'];
      if (!all.includes(joint)) refuse(path, `be one of the joints ${all.join(', ')}`);
      else if (seen.has(joint)) refuse(path, `not command ${joint} again`);
      seen.add(joint);
    });
  });
  const missing = all.filter((joint) => !seen.has(joint));
  if (missing.length > 0) refuse(['commands'], `command every joint; none has ${missing.join(', ')}`);
}

function jointsOnKnownTopics(
  {
    joints,
    joint_states,
  }: {
    readonly joints: readonly NamedJoint[];
    readonly joint_states: { readonly topics: readonly string[] };
  },
  context: z.RefinementCtx,
): void {
  joints.forEach(({ ros }, i) => {
    if (!ros?.topic || joint_states.topics.includes(ros.topic)) return;
    const message = `must be one of joint_states' topics, ${joint_states.topics.join(', ')}`;
    context.addIssue({ code: 'custom', path: ['joints', i, 'ros', 'topic'], message });
  });
}

/**
 * Parses a contract's text as a recording keeps it: the simulator's scene need not be on this machine.
 * @param file what error messages name, and where relative paths start from
 * @throws UserError naming file, line and key
 */
export function parseContract(file: string, text: string): RobotContract {
  return parse(file, text, () => true);
}

/** @throws UserError naming file, line and key */
export async function loadContract(file: string): Promise<RobotContract> {
  let text: string;
  try {
    text = await readFile(path.resolve(file), 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new UserError(`robot contract ${file} cannot be read (${code})`, 2, { cause: error });
  }
  return parse(file, text, existsSync);
}

function parse(file: string, text: string, exists: (file: string) => boolean): RobotContract {
  const absolute = path.resolve(file);
  return { file: absolute, text, ...parseYaml(file, text, contract(path.dirname(absolute), exists)) };
}
