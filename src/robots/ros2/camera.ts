/** A camera's images as frames. */
import type { CameraSpec } from '../../contract/contract.js';
import { UserError } from '../../errors.js';
import { decodeImage, type ImageType, pixelsOf, rawImage } from '../../messages/image.js';
import { toRgb } from '../../messages/pixels.js';
import { fromStamp, nsToSeconds } from '../../messages/time.js';
import type { Image } from '../../messages/types.js';
import type { Frame, RawPixels } from '../robot.js';
import type { RosGraph } from './graph.js';
import type { Subscription } from './rosNode.js';
import type { Source } from './source.js';
import { readStamp } from './stamp.js';

const TYPES: readonly string[] = ['sensor_msgs/msg/Image', 'sensor_msgs/msg/CompressedImage'];
/** A camera that is silent for so long (s) may have come back as something else. */
const SILENT_S = 1;

export interface CameraOptions {
  readonly graph: RosGraph;
  readonly spec: CameraSpec;
  readonly source: Source;
  /** s, the robot's clock */
  readonly now: () => number;
  /** Whether anybody looks: a compressed image that nobody looks at is not decoded. */
  readonly wanted: () => boolean;
  readonly onFrame: (frame: Frame) => void;
}

/**
 * Subscribes as soon as the camera is there, to what it really publishes: images on the contract's topic, raw
 * or compressed, or compressed ones on `<topic>/compressed`.
 */
export class Camera {
  readonly #options: CameraOptions;
  #subscription: Subscription | undefined;
  #topic = '';
  /** A compressed image is being decoded, and the newest of those that came meanwhile. */
  #decoding = false;
  #next: Uint8Array | undefined;

  constructor(options: CameraOptions) {
    this.#options = options;
  }

  /** Looks for the camera where it is not subscribed to, or silent; cheap, to be called now and then. */
  look(): void {
    const { graph, spec, source } = this.#options;
    const silentS = source.status().silentS;
    if (this.#subscription && silentS !== undefined && silentS < SILENT_S) return;
    const found = this.#find();
    if (!found || (found.topic === this.#topic && found.type === this.#subscription?.type)) return;
    this.#subscription?.close();
    this.#topic = found.topic;
    source.topic = found.topic;
    const take = (cdr: Uint8Array) => this.#take(found.type as ImageType, cdr);
    this.#subscription = graph.listen(found.type, found.topic, spec.qos, take);
  }

  /** Why no image comes, as far as the graph tells. */
  explain(): string | undefined {
    const { graph, spec } = this.#options;
    const publishers = [spec.topic, `${spec.topic}/compressed`].flatMap((topic) => graph.publishers(topic));
    const [first] = publishers;
    if (!first) return `nobody publishes ${spec.topic}`;
    const images = publishers.filter(({ type }) => TYPES.includes(type));
    if (images.length === 0)
      return `${first.node} publishes ${spec.topic} as ${first.type}, not as ${TYPES.join(' or ')}`;
    if (spec.qos === 'reliable' && !images.some(({ reliable }) => reliable))
      return `${images[0]?.node} publishes ${spec.topic} as best effort; set the camera's qos to sensor_data in the robot contract`;
    return undefined;
  }

  close(): void {
    this.#subscription?.close();
    this.#subscription = undefined;
    this.#next = undefined;
  }

  #find(): { readonly topic: string; readonly type: string } | undefined {
    const { graph, spec } = this.#options;
    for (const topic of [spec.topic, `${spec.topic}/compressed`]) {
      const publisher = graph.publishers(topic).find(({ type }) => TYPES.includes(type));
      if (publisher) return { topic, type: publisher.type };
    }
    return undefined;
  }

  #take(type: ImageType, cdr: Uint8Array): void {
    const { source, onFrame, spec, now } = this.#options;
    if (type === 'sensor_msgs/msg/Image') {
      source.take(() => {
        const frame = new RawFrame(spec.name, rawImage(cdr), ownsBuffer(cdr));
        this.#check(frame);
        if (source.monitor.received(now(), frame.time)) onFrame(frame);
      });
    } else if (this.#decoding) {
      if (this.#next) source.monitor.dropped();
      this.#next = cdr;
    } else if (this.#options.wanted()) {
      this.#decoding = true;
      void this.#decode(cdr);
    } else {
      source.take(() => {
        const stamp = readStamp(cdr);
        source.monitor.received(now(), stamp === undefined ? undefined : nsToSeconds(stamp));
      });
    }
  }

  /** Never rejects. */
  async #decode(first: Uint8Array): Promise<void> {
    const { source, onFrame, spec, now } = this.#options;
    for (let cdr: Uint8Array | undefined = first; cdr; cdr = this.#next) {
      this.#next = undefined;
      const at = now();
      try {
        const image = await decodeImage('sensor_msgs/msg/CompressedImage', cdr);
        if (!this.#subscription) return;
        source.take(() => {
          this.#check(image);
          if (source.monitor.received(at, image.time)) onFrame({ camera: spec.name, ...image });
        });
      } catch (error) {
        source.take(() => {
          throw error;
        });
      }
    }
    this.#decoding = false;
  }

  #check({ width, height }: { readonly width: number; readonly height: number }): void {
    const { spec } = this.#options;
    if (width !== spec.width || height !== spec.height)
      throw new UserError(
        `its images are ${width}×${height}, in the robot contract ${spec.width}×${spec.height}; correct the contract or the camera's settings`,
      );
  }
}

/** rclnodejs has copied every message into a buffer of its own, as long as the message; others would not be. */
const ownsBuffer = ({ buffer, byteLength }: Uint8Array): boolean => buffer.byteLength === byteLength;

/** A raw image as it came: what is not rgb8 yet is converted when it is first looked at, or on another thread. */
class RawFrame implements Frame {
  readonly time: number;
  readonly width: number;
  readonly height: number;
  readonly raw: RawPixels | undefined;
  #data: Uint8Array | undefined;

  constructor(
    readonly camera: string,
    image: Image,
    readonly movable: boolean,
  ) {
    this.time = fromStamp(image.header.stamp);
    this.width = image.width;
    this.height = image.height;
    const pixels = pixelsOf(image);
    if (pixels instanceof Uint8Array) this.#data = pixels;
    else this.raw = pixels;
  }

  get data(): Uint8Array {
    if (!this.#data) {
      const { layout, bytes } = this.raw as RawPixels;
      this.#data = new Uint8Array(3 * this.width * this.height);
      toRgb(this, layout, bytes, this.#data);
    }
    return this.#data;
  }
}
