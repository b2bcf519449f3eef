/** ROS 2 message definitions, as Jazzy has them: the text that an MCAP schema holds. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

const FOLDER = join(
  dirname(createRequire(import.meta.url).resolve('@foxglove/rosmsg-msgs-common/package.json')),
  'msgdefs/ros2jazzy',
);
const SEPARATOR = '='.repeat(80);
const texts = new Map<string, string | undefined>();

/**
 * The definition of `package/msg/Name` with all it depends on, in MCAP's `ros2msg` encoding.
 * Undefined for a type outside ROS 2's common interfaces.
 */
export function definition(type: string): string | undefined {
  if (!texts.has(type)) texts.set(type, /^\w+\/msg\/\w+$/.test(type) ? load(type) : undefined);
  return texts.get(type);
}

function load(type: string): string | undefined {
  let text: string;
  try {
    text = readFileSync(join(FOLDER, `${type}.msg`), 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  // The package leaves these two out; rosbag2 writes them, and readers that know no types need them.
  for (const name of ['Time', 'Duration']) {
    if (!new RegExp(`^builtin_interfaces/${name}\\b`, 'm').test(text)) continue;
    const own = readFileSync(join(FOLDER, `builtin_interfaces/msg/${name}.msg`), 'utf8');
    text = `${text.trimEnd()}\n${SEPARATOR}\nMSG: builtin_interfaces/${name}\n${own}`;
  }
  return text;
}
