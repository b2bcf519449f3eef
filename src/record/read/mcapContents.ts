/** What an MCAP file consists of, whether its index said so or a walk through it found out. */
import { MAX_DESCRIPTION_BYTES } from './limits.js';
import {
  type Channel,
  Corrupt,
  OPCODE,
  parseChannel,
  parseMetadata,
  parseSchema,
  type Schema,
} from './mcapRecords.js';
import type { TimeSpan } from './source.js';

/** A chunk, or a run of messages that stand in no chunk. */
export interface Piece extends TimeSpan {
  readonly kind: 'chunk' | 'messages';
  /** Of a chunk's content, or of the first message's record. */
  readonly offset: number;
  readonly length: number;
  /** Decompressed. */
  readonly bytes: number;
  /** Ids of the channels it has messages of; unknown when absent. */
  readonly channels?: ReadonlySet<number>;
}

export interface McapContents {
  readonly pieces: readonly Piece[];
  readonly description: Description;
  /** Messages by channel id; absent when the file does not say. */
  readonly counts?: ReadonlyMap<number, number>;
}

/** Schemas, channels and metadata records as they are met; the first of an id is the one that counts. */
export class Description {
  readonly schemas = new Map<number, Schema>();
  readonly channels = new Map<number, Channel>();
  readonly metadata = new Map<string, ReadonlyMap<string, string>>();
  #bytes = 0;

  /** @throws Corrupt for a record that is not well-formed, or when there is too much of them */
  add(opcode: number, content: Uint8Array): void {
    switch (opcode) {
      case OPCODE.schema: {
        const schema = parseSchema(content);
        if (this.schemas.has(schema.id)) return;
        this.#count(content);
        this.schemas.set(schema.id, schema);
        return;
      }
      case OPCODE.channel: {
        const channel = parseChannel(content);
        if (this.channels.has(channel.id)) return;
        this.#count(content);
        this.channels.set(channel.id, channel);
        return;
      }
      case OPCODE.metadata: {
        const [name, values] = parseMetadata(content);
        if (this.metadata.has(name)) return;
        this.#count(content);
        this.metadata.set(name, values);
      }
    }
  }

  #count({ length }: Uint8Array): void {
    this.#bytes += length;
    if (this.#bytes > MAX_DESCRIPTION_BYTES)
      throw new Corrupt(`more than ${MAX_DESCRIPTION_BYTES} bytes of schemas, channels and metadata`);
  }
}
