/** Message definitions as the sourced ROS 2 has them installed: what a bag needs to be read anywhere else. */
import { readFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { parse } from '@foxglove/rosmsg';
import { UserError } from '../../errors.js';

export interface Definition {
  /** The `.msg` file, then one section a message type that it uses: MCAP's `ros2msg`, as rosbag2 writes it. */
  readonly text: string;
  /** The message starts with a std_msgs/Header: its first eight bytes are a time stamp. */
  readonly stamped: boolean;
}

/** https://mcap.dev/spec/registry#ros2msg */
const SEPARATOR = '='.repeat(80);

/** What the parser calls the two types that it knows by heart. */
const KNOWN: Readonly<Record<string, string>> = {
  time: 'builtin_interfaces/Time',
  duration: 'builtin_interfaces/Duration',
};

/**
 * @param type `package/msg/Name`
 * @param prefixes the installed workspaces, the first goes before the others: `AMENT_PREFIX_PATH`
 * @throws UserError when it, or a type in it, is not installed as a `.msg` file
 */
export async function installedDefinition(
  type: string,
  prefixes: string = process.env.AMENT_PREFIX_PATH ?? '',
): Promise<Definition> {
  const root = shortName(type);
  const sections = new Map<string, string>();
  let stamped = false;
  for (const pending = [root]; pending.length > 0; ) {
    const name = pending.shift() as string;
    if (sections.has(name)) continue;
    const text = await readMsg(name, type, prefixes);
    sections.set(name, text);
    const fields = parse(text, { ros2: true, skipTypeFixup: true })[0]?.definitions ?? [];
    const used = fields
      .filter((field) => field.isComplex || field.type in KNOWN)
      .map((field) => qualified(KNOWN[field.type] ?? field.type, name));
    if (name === root) stamped = fields.find((field) => !field.isConstant)?.type === 'std_msgs/Header';
    pending.push(...used);
  }
  const [first = '', ...rest] = [...sections].map(([name, text], i) =>
    i === 0 ? text : `${SEPARATOR}\nMSG: ${name}\n${text}`,
  );
  return { text: [first, ...rest].join('\n'), stamped };
}

/** `std_msgs/msg/Header` → `std_msgs/Header`. */
function shortName(type: string): string {
  const [pkg, ...rest] = type.split('/');
  return `${pkg}/${rest.at(-1)}`;
}

/** `Point`, found in a message of geometry_msgs, is geometry_msgs' own. */
function qualified(type: string, within: string): string {
  return type.includes('/') ? shortName(type) : `${within.split('/')[0]}/${type}`;
}

async function readMsg(name: string, wanted: string, prefixes: string): Promise<string> {
  const [pkg = '', message = ''] = name.split('/');
  for (const prefix of prefixes.split(delimiter)) {
    try {
      return await readFile(join(prefix, 'share', pkg, 'msg', `${message}.msg`), 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  }
  throw new UserError(
    `the definition of ${wanted} is not installed (no ${pkg}/msg/${message}.msg): source the workspace that has it`,
  );
}
