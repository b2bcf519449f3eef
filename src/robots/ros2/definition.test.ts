import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse } from '@foxglove/rosmsg';
import { MessageReader } from '@foxglove/rosmsg2-serialization';
import { afterAll, describe, expect, it } from 'vitest';
import { UserError } from '../../errors.js';
import { installedDefinition } from './definition.js';

const dir = mkdtempSync(join(tmpdir(), 'saccade-definition-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));
const [underlay, overlay] = [join(dir, 'underlay'), join(dir, 'overlay')];
const prefixes = `${overlay}:${underlay}`;

function install(prefix: string, name: string, text: string): void {
  const [pkg = '', message] = name.split('/');
  const folder = join(prefix, 'share', pkg, 'msg');
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, `${message}.msg`), text);
}

install(underlay, 'builtin_interfaces/Time', 'int32 sec\nuint32 nanosec\n');
install(underlay, 'std_msgs/Header', 'builtin_interfaces/Time stamp\nstring frame_id\n');
install(underlay, 'force_msgs/Axis', 'float64 value\n');
install(
  underlay,
  'force_msgs/Force',
  '# N\nuint8 RAW=1\nstd_msgs/Header header\nAxis[<=3] axes\nAxis total\n',
);
install(underlay, 'force_msgs/Bare', 'float64 x\nstd_msgs/Header header\n');
install(underlay, 'force_msgs/Broken', 'other_msgs/Gone gone\n');

describe('installedDefinition', () => {
  it('gathers every type a message uses, once, as rosbag2 writes them', async () => {
    const { text, stamped } = await installedDefinition('force_msgs/msg/Force', prefixes);
    expect(text.match(/^MSG: .*$/gm)).toEqual([
      'MSG: std_msgs/Header',
      'MSG: force_msgs/Axis',
      'MSG: builtin_interfaces/Time',
    ]);
    expect(text.startsWith('# N\nuint8 RAW=1\n')).toBe(true);
    expect(stamped).toBe(true);
  });

  it('gives a text that a reader of bags decodes messages with', async () => {
    const { text } = await installedDefinition('force_msgs/msg/Force', prefixes);
    const reader = new MessageReader(parse(text, { ros2: true }));
    const cdr = new Uint8Array(52);
    const view = new DataView(cdr.buffer);
    cdr.set([0, 1, 0, 0]);
    view.setInt32(4, 7, true);
    view.setUint32(12, 1, true); // an empty frame_id: its closing zero
    view.setUint32(20, 2, true); // two axes
    view.setFloat64(28, 1.5, true);
    view.setFloat64(36, -2, true);
    expect(reader.readMessage(cdr)).toMatchObject({
      header: { stamp: { sec: 7 }, frame_id: '' },
      axes: [{ value: 1.5 }, { value: -2 }],
    });
  });

  it('knows a stamp only where a message starts with one', async () => {
    expect((await installedDefinition('force_msgs/msg/Bare', prefixes)).stamped).toBe(false);
    expect((await installedDefinition('std_msgs/msg/Header', prefixes)).stamped).toBe(false);
  });

  it('takes the overlay before the underlay', async () => {
    install(overlay, 'force_msgs/Axis', 'float32 value\n');
    const { text } = await installedDefinition('force_msgs/msg/Axis', prefixes);
    expect(text).toBe('float32 value\n');
  });

  it('names the file that is missing', async () => {
    const error = await installedDefinition('force_msgs/msg/Broken', prefixes).catch((e) => e);
    expect(error).toBeInstanceOf(UserError);
    expect(error.message).toMatch(
      /force_msgs\/msg\/Broken is not installed \(no other_msgs\/msg\/Gone\.msg\)/,
    );
  });
});
