/** What was seen and done as ROS messages, ready for the bag. */
import sharp from 'sharp';
import { decode, encode } from '../../messages/cdr.js';
import { decodeImage } from '../../messages/image.js';
import { toRgb } from '../../messages/pixels.js';
import { secondsToNs, toStamp } from '../../messages/time.js';
import type { Header, Messages, MessageType } from '../../messages/types.js';
import type { BagMessage } from '../bag.js';
import type { ImageFormat } from '../episode.js';
import type { Item } from './protocol.js';

const JPEG_QUALITY = 95;
/** As image_transport names it, so that its subscribers decode to the colour order that was recorded. */
const JPEG_FORMAT = 'rgb8; jpeg compressed bgr8';
const IMAGE = 'sensor_msgs/msg/Image';
const COMPRESSED = 'sensor_msgs/msg/CompressedImage';

type Picture = { readonly width: number; readonly height: number; readonly data: Uint8Array };

/** Only a JPEG takes time, on other threads: it is a promise. */
export function encodeItem(item: Item, images: ImageFormat): BagMessage | Promise<BagMessage> {
  switch (item.kind) {
    case 'frame':
      return encodeFrame(item, images);
    case 'joints': {
      const { topic, at, time, names, positions } = item;
      const none = new Float64Array();
      return stamped(topic, 'sensor_msgs/msg/JointState', at, time, (header) => ({
        header,
        name: names,
        position: Float64Array.from(positions),
        velocity: none,
        effort: none,
      }));
    }
    case 'chunk':
      return encodeChunk(item);
    case 'number':
      return plain(item, 'std_msgs/msg/Float32', { data: item.value });
    case 'text':
      return plain(item, 'std_msgs/msg/String', { data: item.value });
    case 'diagnostics': {
      const { topic, at, status } = item;
      return stamped(topic, 'diagnostic_msgs/msg/DiagnosticArray', at, at, (header) => ({ header, status }));
    }
    case 'message':
      return asReceived(item);
    case 'image':
      return images === 'jpeg' ? compressReceived(item) : asReceived(item);
  }
}

type Of<K extends Item['kind']> = Extract<Item, { kind: K }>;

function encodeFrame(item: Of<'frame'>, images: ImageFormat): BagMessage | Promise<BagMessage> {
  const { topic, camera, at, time, width, height } = item;
  const data = rgbOf(item);
  if (images === 'raw') {
    return stamped(topic, IMAGE, at, time, (header) => ({
      header: { ...header, frame_id: camera },
      height,
      width,
      encoding: 'rgb8',
      is_bigendian: 0,
      step: width * 3,
      data,
    }));
  }
  return toJpeg({ width, height, data }).then((jpeg) =>
    stamped(`${topic}/compressed`, COMPRESSED, at, time, (header) => ({
      header: { ...header, frame_id: camera },
      format: JPEG_FORMAT,
      data: jpeg,
    })),
  );
}

function rgbOf({ width, height, pixels, layout }: Of<'frame'>): Uint8Array {
  const bytes = new Uint8Array(pixels);
  if (!layout) return bytes;
  const rgb = new Uint8Array(width * height * 3);
  toRgb({ width, height }, layout, bytes, rgb);
  return rgb;
}

function encodeChunk({ topic, at, names, chunk }: Of<'chunk'>): BagMessage {
  const { time, dt, length, width, actions } = chunk;
  const none = new Float64Array();
  return stamped(topic, 'trajectory_msgs/msg/JointTrajectory', at, time, (header) => ({
    header,
    joint_names: names,
    points: Array.from({ length }, (_, k) => ({
      positions: Float64Array.from(actions.subarray(k * width, (k + 1) * width)),
      velocities: none,
      accelerations: none,
      effort: none,
      time_from_start: toStamp(k * dt),
    })),
  }));
}

function asReceived({ topic, type, logTime, publishTime, data }: Of<'message' | 'image'>): BagMessage {
  return { topic, type, logTime, publishTime, data: new Uint8Array(data) };
}

/** An encoding that is no picture (depth in metres, Bayer) stays as it was received: nothing is lost. */
async function compressReceived(item: Of<'message' | 'image'>): Promise<BagMessage> {
  const received = asReceived(item);
  try {
    const { header, encoding } = decode(IMAGE, received.data);
    const data = await toJpeg(await decodeImage(IMAGE, received.data));
    return {
      ...received,
      topic: `${item.topic}/compressed`,
      type: COMPRESSED,
      data: encode(COMPRESSED, { header, format: `${encoding}; jpeg compressed bgr8`, data }),
    };
  } catch {
    return received;
  }
}

function toJpeg({ width, height, data }: Picture): Promise<Uint8Array> {
  return sharp(data, { raw: { width, height, channels: 3 } })
    .jpeg({ quality: JPEG_QUALITY })
    .toBuffer();
}

/** A message with a header: logTime is when it was received, publishTime what the header says. */
function stamped<T extends MessageType>(
  topic: string,
  type: T,
  at: number,
  time: number,
  message: (header: Header) => Messages[T],
): BagMessage {
  const data = encode(type, message({ stamp: toStamp(time), frame_id: '' }));
  return { topic, type, logTime: secondsToNs(at), publishTime: secondsToNs(time), data };
}

function plain<T extends MessageType>(
  { topic, at }: { readonly topic: string; readonly at: number },
  type: T,
  message: Messages[T],
): BagMessage {
  const time = secondsToNs(at);
  return { topic, type, logTime: time, publishTime: time, data: encode(type, message) };
}
