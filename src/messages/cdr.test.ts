import common from '@foxglove/rosmsg-msgs-common';
import { MessageReader, MessageWriter } from '@foxglove/rosmsg2-serialization';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decode, encode } from './cdr.js';
import type { Messages, MessageType } from './types.js';

const text = fc.string({ unit: 'binary', maxLength: 12 });
const ascii = fc.string({ maxLength: 12 });
const uint32 = fc.nat(2 ** 32 - 1);
const time = fc.record({
  sec: fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
  nanosec: fc.nat(999_999_999),
});
const int32 = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
const x = fc.double();
const point = fc.record({ x, y: x, z: x });
const color = fc.record({ r: fc.float(), g: fc.float(), b: fc.float(), a: fc.float() });
const floats = fc.float64Array({ maxLength: 5 });
const bytes = fc.uint8Array({ maxLength: 40 });

/** Arbitrary messages of every type, with strings of one's own choice. */
function messages(string: fc.Arbitrary<string>): { [T in MessageType]: fc.Arbitrary<Messages[T]> } {
  const header = fc.record({ stamp: time, frame_id: string });
  const strings = fc.array(string, { maxLength: 4 });
  return {
    'sensor_msgs/msg/Image': fc.record({
      header,
      height: uint32,
      width: uint32,
      encoding: string,
      is_bigendian: fc.nat(255),
      step: uint32,
      data: bytes,
    }),
    'sensor_msgs/msg/CompressedImage': fc.record({ header, format: string, data: bytes }),
    'sensor_msgs/msg/JointState': fc.record({
      header,
      name: strings,
      position: floats,
      velocity: floats,
      effort: floats,
    }),
    'trajectory_msgs/msg/JointTrajectory': fc.record({
      header,
      joint_names: strings,
      points: fc.array(
        fc.record({
          positions: floats,
          velocities: floats,
          accelerations: floats,
          effort: floats,
          time_from_start: time,
        }),
        { maxLength: 3 },
      ),
    }),
    'std_msgs/msg/Float64MultiArray': fc.record({
      layout: fc.record({
        dim: fc.array(fc.record({ label: string, size: uint32, stride: uint32 }), { maxLength: 3 }),
        data_offset: uint32,
      }),
      data: floats,
    }),
    'std_msgs/msg/Float64': fc.record({ data: x }),
    'std_msgs/msg/Float32': fc.record({ data: fc.float() }),
    'std_msgs/msg/Bool': fc.record({ data: fc.boolean() }),
    'std_msgs/msg/String': fc.record({ data: string }),
    'tf2_msgs/msg/TFMessage': fc.record({
      transforms: fc.array(
        fc.record({
          header,
          child_frame_id: string,
          transform: fc.record({ translation: point, rotation: fc.record({ x, y: x, z: x, w: x }) }),
        }),
        { maxLength: 3 },
      ),
    }),
    'rosgraph_msgs/msg/Clock': fc.record({ clock: time }),
    'visualization_msgs/msg/MarkerArray': fc.record({
      markers: fc.array(
        fc.record({
          header,
          ns: string,
          id: int32,
          type: int32,
          action: int32,
          pose: fc.record({ position: point, orientation: fc.record({ x, y: x, z: x, w: x }) }),
          scale: point,
          color,
          lifetime: time,
          frame_locked: fc.boolean(),
          points: fc.array(point, { maxLength: 3 }),
          colors: fc.array(color, { maxLength: 3 }),
          texture_resource: string,
          texture: fc.record({ header, format: string, data: bytes }),
          uv_coordinates: fc.array(fc.record({ u: fc.float(), v: fc.float() }), { maxLength: 3 }),
          text: string,
          mesh_resource: string,
          mesh_file: fc.record({ filename: string, data: bytes }),
          mesh_use_embedded_materials: fc.boolean(),
        }),
        { maxLength: 2 },
      ),
    }),
    'diagnostic_msgs/msg/DiagnosticArray': fc.record({
      header,
      status: fc.array(
        fc.record({
          level: fc.nat(3),
          name: string,
          message: string,
          hardware_id: string,
          values: fc.array(fc.record({ key: string, value: string }), { maxLength: 3 }),
        }),
        { maxLength: 3 },
      ),
    }),
  };
}
const TYPES = Object.keys(messages(text)) as MessageType[];

function library(type: MessageType) {
  const all = common.ros2jazzy as Record<string, (typeof common.ros2jazzy)['std_msgs/Header']>;
  const root = all[type.replace('/msg/', '/')] as (typeof common.ros2jazzy)['std_msgs/Header'];
  const definitions = [root, ...Object.values(all).filter((definition) => definition !== root)];
  return { reader: new MessageReader(definitions), writer: new MessageWriter(definitions) };
}

describe.each(TYPES)('%s', (type) => {
  it('comes back as it was', () => {
    fc.assert(
      fc.property(messages(text)[type] as fc.Arbitrary<Messages[typeof type]>, (message) => {
        expect(decode(type, encode(type, message))).toEqual(message);
      }),
    );
  });

  it('is the same bytes as another implementation writes, and reads', () => {
    const { reader, writer } = library(type);
    fc.assert(
      fc.property(messages(ascii)[type] as fc.Arbitrary<Messages[typeof type]>, (message) => {
        const data = encode(type, message);
        expect(data).toEqual(new Uint8Array(writer.writeMessage(message)));
        expect(reader.readMessage(data)).toEqual(message);
      }),
    );
  });

  it('cut anywhere is refused in one sentence', () => {
    fc.assert(
      fc.property(messages(text)[type] as fc.Arbitrary<Messages[typeof type]>, fc.nat(), (message, cut) => {
        const data = encode(type, message);
        const short = data.subarray(0, cut % data.length);
        expect(() => decode(type, short)).toThrow(/^not a \w+\/msg\/\w+: [^\n]+$/);
      }),
    );
  });

  it('with any byte changed is read or refused, and what is read is never more than there was', () => {
    fc.assert(
      fc.property(
        messages(text)[type] as fc.Arbitrary<Messages[typeof type]>,
        fc.nat(),
        fc.nat(255),
        (message, where, value) => {
          const data = encode(type, message);
          data[where % data.length] = value;
          let read: unknown;
          try {
            read = decode(type, data);
          } catch (error) {
            expect((error as Error).message).toContain(`not a ${type}`);
            return;
          }
          expect(JSON.stringify(read).length).toBeLessThan(200 + 200 * data.length);
        },
      ),
    );
  });
});

describe('decode', () => {
  const joints: Messages['sensor_msgs/msg/JointState'] = {
    header: { stamp: { sec: 1, nanosec: 2 }, frame_id: 'b' },
    name: ['pan'],
    position: Float64Array.of(0.5),
    velocity: new Float64Array(),
    effort: new Float64Array(),
  };

  it('reads big-endian data', () => {
    const data = new Uint8Array([0, 0, 0, 0, 0x3f, 0x80, 0, 0]);
    expect(decode('std_msgs/msg/Float32', data)).toEqual({ data: 1 });
  });

  it('reads a message inside a larger buffer and past its own padding', () => {
    const data = encode('sensor_msgs/msg/JointState', joints);
    const larger = new Uint8Array(data.length + 30).fill(0xff);
    larger.set(data, 13);
    const view = larger.subarray(13, 13 + data.length + 3);
    expect(decode('sensor_msgs/msg/JointState', view)).toEqual(joints);
  });

  it('never reads into the neighbours of its data, nor makes room for what is not there', () => {
    const lengths: readonly (readonly [MessageType, number])[] = [
      ['sensor_msgs/msg/CompressedImage', 20],
      ['std_msgs/msg/String', 4],
      ['std_msgs/msg/Float64MultiArray', 4],
      ['trajectory_msgs/msg/JointTrajectory', 20],
    ];
    for (const [type, at] of lengths) {
      for (const length of [100, 0x7fffffff, 0xffffffff]) {
        const data = new Uint8Array(4096).subarray(0, 64);
        data[1] = 1;
        new DataView(data.buffer).setUint32(at, length, true);
        expect(() => decode(type, data), `${type} ${length}`).toThrow(/bytes are wanted where \d+ are left/);
      }
    }
  });

  it('refuses other encapsulations than plain CDR', () => {
    expect(() => decode('std_msgs/msg/Bool', new Uint8Array([0, 7, 0, 0, 1]))).toThrow(
      'not a std_msgs/msg/Bool: encapsulation 0 7 is not plain CDR',
    );
  });

  it('gives pixels as a view, not a copy', () => {
    const data = encode('sensor_msgs/msg/CompressedImage', {
      header: joints.header,
      format: 'jpeg',
      data: Uint8Array.of(1, 2, 3),
    });
    expect(decode('sensor_msgs/msg/CompressedImage', data).data.buffer).toBe(data.buffer);
  });
});
