/**
 * ROS 2 messages to and from CDR, the encoding on the wire and in bags (OMG XTypes 1.3, plain CDR 1).
 *
 * Our own, on the definitions that the schemas come from: the library's writer cuts strings that are not
 * ASCII, and its reader believes the lengths it reads, past the end of a message and into its neighbours.
 */
import common from '@foxglove/rosmsg-msgs-common';
import type { Messages, MessageType } from './types.js';

/** CDR_BE and CDR_LE; two bytes of options follow. */
const HEADER_BYTES = 4;
const LITTLE_ENDIAN = 1;
const UTF8 = new TextDecoder('utf-8', { ignoreBOM: true });

interface Field {
  readonly name: string;
  /** A key of `SCALARS`, `string`, or fields. */
  readonly kind: Scalar | 'string' | readonly Field[];
  readonly isArray: boolean;
}

interface Scalar {
  readonly bytes: number;
  read(view: DataView, at: number, little: boolean): unknown;
  write(view: DataView, at: number, value: never): void;
  /** Arrays of it are of this kind, `Uint8Array` when not said. */
  readonly array?: new (
    length: number,
  ) => Record<number, unknown> & { readonly length: number };
}

const SCALARS: Readonly<Record<string, Scalar>> = {
  bool: {
    bytes: 1,
    read: (view, at) => view.getUint8(at) !== 0,
    write: (view, at, value: boolean) => view.setUint8(at, value ? 1 : 0),
  },
  uint8: {
    bytes: 1,
    read: (view, at) => view.getUint8(at),
    write: (view, at, value: number) => view.setUint8(at, value),
  },
  int32: {
    bytes: 4,
    read: (view, at, little) => view.getInt32(at, little),
    write: (view, at, value: number) => view.setInt32(at, value, true),
    array: Int32Array,
  },
  uint32: {
    bytes: 4,
    read: (view, at, little) => view.getUint32(at, little),
    write: (view, at, value: number) => view.setUint32(at, value, true),
    array: Uint32Array,
  },
  float32: {
    bytes: 4,
    read: (view, at, little) => view.getFloat32(at, little),
    write: (view, at, value: number) => view.setFloat32(at, value, true),
    array: Float32Array,
  },
  float64: {
    bytes: 8,
    read: (view, at, little) => view.getFloat64(at, little),
    write: (view, at, value: number) => view.setFloat64(at, value, true),
    array: Float64Array,
  },
};
const UINT32 = SCALARS.uint32 as Scalar;

const shapes = new Map<string, readonly Field[]>();

/** @throws Error for a type that ROS 2's common interfaces do not have */
function shapeOf(type: string): readonly Field[] {
  const known = shapes.get(type);
  if (known) return known;
  const { definitions } =
    (common.ros2jazzy as Record<string, (typeof common.ros2jazzy)['std_msgs/Header']>)[type] ?? {};
  if (!definitions) throw new Error(`message type ${type} is not known`);
  const shape = definitions
    .filter((field) => !field.isConstant)
    .map(({ name, type, isArray }): Field => {
      const kind = type === 'string' ? type : (SCALARS[type] ?? shapeOf(COMPOSITES[type] ?? type));
      return { name, kind, isArray: isArray === true };
    });
  shapes.set(type, shape);
  return shape;
}
/** The library gives these two as primitives. */
const COMPOSITES: Readonly<Record<string, string>> = {
  time: 'builtin_interfaces/Time',
  duration: 'builtin_interfaces/Duration',
};

/** `sensor_msgs/msg/Image` → `sensor_msgs/Image`, as the definitions are named. */
function shapeOfMessage(type: MessageType): readonly Field[] {
  return shapeOf(type.replace('/msg/', '/'));
}

/** Little-endian, exactly as long as it must be. Bytes (pixels) are copied once. */
export function encode<T extends MessageType>(type: T, message: Messages[T]): Uint8Array {
  const shape = shapeOfMessage(type);
  const measured = new Writer();
  measured.struct(shape, message);
  const data = new Uint8Array(measured.at);
  data[1] = LITTLE_ENDIAN;
  new Writer(data).struct(shape, message);
  return data;
}

/**
 * The message in `data`, which may be of either byte order and longer than the message. Byte arrays are
 * views of `data`; everything else is newly made, and never more than `data` has room for.
 * @throws Error, one sentence, when `data` is not such a message
 */
export function decode<T extends MessageType>(type: T, data: Uint8Array): Messages[T] {
  const shape = shapeOfMessage(type);
  try {
    return new Reader(data).struct(shape) as unknown as Messages[T];
  } catch (error) {
    throw new Error(`not a ${type}: ${(error as Error).message}`);
  }
}

/** Writes into `data`, or without it only counts. */
class Writer {
  at = HEADER_BYTES;
  readonly #data: Uint8Array | undefined;
  readonly #view: DataView | undefined;

  constructor(data?: Uint8Array) {
    this.#data = data;
    this.#view = data && new DataView(data.buffer, data.byteOffset, data.byteLength);
  }

  struct(fields: readonly Field[], message: object): void {
    for (const { name, kind, isArray } of fields) {
      const value = (message as Record<string, unknown>)[name];
      if (isArray) this.#array(kind, value as ArrayLike<unknown>);
      else this.#value(kind, value);
    }
  }

  #value(kind: Field['kind'], value: unknown): void {
    if (kind === 'string') this.#string(value as string);
    else if ('bytes' in kind) this.#scalar(kind, value);
    else this.struct(kind, value as object);
  }

  #array(kind: Field['kind'], values: ArrayLike<unknown>): void {
    this.#scalar(UINT32, values.length);
    if (values instanceof Uint8Array) this.#bytes(values);
    else for (let i = 0; i < values.length; i++) this.#value(kind, values[i]);
  }

  #scalar(kind: Scalar, value: unknown): void {
    this.at = aligned(this.at, kind.bytes);
    if (this.#view) kind.write(this.#view, this.at, value as never);
    this.at += kind.bytes;
  }

  #string(value: string): void {
    const bytes = Buffer.from(value, 'utf8');
    this.#scalar(UINT32, bytes.length + 1);
    this.#bytes(bytes);
    this.at += 1; // The NUL; the data is zero already.
  }

  #bytes(bytes: Uint8Array): void {
    this.#data?.set(bytes, this.at);
    this.at += bytes.length;
  }
}

/** Every length is held against what is left of the data before it is used. */
class Reader {
  #at = HEADER_BYTES;
  readonly #little: boolean;
  readonly #data: Uint8Array;
  readonly #view: DataView;

  constructor(data: Uint8Array) {
    if (data.length < HEADER_BYTES) throw new Error(`${data.length} bytes are too few`);
    if (data[0] !== 0 || (data[1] as number) > LITTLE_ENDIAN) {
      throw new Error(`encapsulation ${data[0]} ${data[1]} is not plain CDR`);
    }
    this.#data = data;
    this.#view = new DataView(data.buffer, data.byteOffset, data.byteLength);
    this.#little = data[1] === LITTLE_ENDIAN;
  }

  struct(fields: readonly Field[]): Record<string, unknown> {
    const message: Record<string, unknown> = {};
    for (const { name, kind, isArray } of fields) {
      message[name] = isArray ? this.#array(kind) : this.#value(kind);
    }
    return message;
  }

  #value(kind: Field['kind']): unknown {
    if (kind === 'string') return this.#string();
    return 'bytes' in kind ? this.#scalar(kind) : this.struct(kind);
  }

  #array(kind: Field['kind']): unknown {
    const scalar = kind !== 'string' && 'bytes' in kind ? kind : undefined;
    // Whatever an element is, it takes up one byte at least.
    const length = this.#length(scalar?.bytes ?? 1);
    if (!scalar) return Array.from({ length }, () => this.#value(kind));
    if (!scalar.array) return this.#bytes(length);
    const values = new scalar.array(length);
    for (let i = 0; i < length; i++) values[i] = this.#scalar(scalar);
    return values;
  }

  #scalar(kind: Scalar): unknown {
    this.#at = aligned(this.#at, kind.bytes);
    this.#need(kind.bytes);
    const value = kind.read(this.#view, this.#at, this.#little);
    this.#at += kind.bytes;
    return value;
  }

  #string(): string {
    const length = this.#length(1);
    // An empty string may come without its NUL.
    return UTF8.decode(this.#bytes(length).subarray(0, Math.max(0, length - 1)));
  }

  #bytes(length: number): Uint8Array {
    this.#need(length);
    const bytes = this.#data.subarray(this.#at, this.#at + length);
    this.#at += length;
    return bytes;
  }

  /** How many elements follow, of so many bytes each. */
  #length(bytesEach: number): number {
    const length = this.#scalar(UINT32) as number;
    this.#need(length * bytesEach);
    return length;
  }

  #need(bytes: number): void {
    const left = this.#data.length - this.#at;
    if (bytes > left) throw new Error(`${bytes} bytes are wanted where ${Math.max(0, left)} are left`);
  }
}

/** The header does not count for alignment. */
function aligned(at: number, bytes: number): number {
  return HEADER_BYTES + Math.ceil((at - HEADER_BYTES) / bytes) * bytes;
}
