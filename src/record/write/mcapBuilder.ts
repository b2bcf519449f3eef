/**
 * The bytes of an MCAP file, piece by piece: what to write next, but not the writing.
 *
 * @mcap/core's own `McapWriter` cannot be told to close a chunk, and the crash safety of a recording is that
 * chunks are closed in time. Its record and chunk builders do the encoding here as they do there.
 * Format: https://mcap.dev/spec
 */
import { crc32 } from 'node:zlib';
import { McapChunkBuilder, McapRecordBuilder, type McapTypes, Opcode } from '@mcap/core';
import { definition } from '../../messages/definitions.js';
import type { BagMessage } from '../bag.js';
import { Compressor } from './compressor.js';
import { qosText, type TopicCount } from './metadata.js';

/** `zstdReady` must have resolved before a chunk is closed. */
export class McapBuilder {
  readonly #records = new McapRecordBuilder();
  readonly #chunk = new McapChunkBuilder({});
  readonly #definitions: Readonly<Record<string, string>>;
  readonly #schemas = new Map<string, McapTypes.Schema>();
  readonly #channels = new Map<string, McapTypes.Channel>();
  readonly #counts = new Map<number, bigint>();
  readonly #chunkIndexes: McapTypes.ChunkIndex[] = [];
  readonly #metadataIndexes: McapTypes.MetadataIndex[] = [];
  readonly #compressor = new Compressor();
  #messages = 0n;
  #first: bigint | undefined;
  #last = 0n;
  #position = 0;

  /** @param definitions schema texts by type, for types outside ROS 2's common interfaces */
  constructor(definitions: Readonly<Record<string, string>> = {}) {
    this.#definitions = definitions;
  }

  /** Of the open chunk, uncompressed. */
  get chunkBytes(): number {
    return this.#chunk.byteLength;
  }
  get chunkMessages(): number {
    return this.#chunk.numMessages;
  }
  get messages(): number {
    return Number(this.#messages);
  }
  /** logTime of the earliest and the latest message, ns; zeros when there is none. */
  get span(): readonly [bigint, bigint] {
    return [this.#first ?? 0n, this.#last];
  }
  get topics(): TopicCount[] {
    const schemas = [...this.#schemas.values()];
    return [...this.#channels.values()].map(({ id, topic, schemaId }) => ({
      name: topic,
      type: schemas.find((schema) => schema.id === schemaId)?.name ?? '',
      messages: Number(this.#counts.get(id) ?? 0n),
    }));
  }

  start(library: string): Uint8Array {
    this.#records.writeMagic();
    this.#records.writeHeader({ profile: 'ros2', library });
    return this.#take();
  }

  metadata(name: string, entries: ReadonlyMap<string, string>): Uint8Array {
    const offset = BigInt(this.#position);
    const length = this.#records.writeMetadata({ name, metadata: new Map(entries) });
    this.#metadataIndexes.push({ name, offset, length });
    return this.#take();
  }

  /** Adds to the open chunk. */
  add({ topic, type, logTime, publishTime, data }: BagMessage): void {
    const { id: channelId } = this.#channels.get(topic) ?? this.#register(topic, type);
    const sequence = this.#counts.get(channelId) ?? 0n;
    this.#chunk.addMessage({ channelId, sequence: Number(sequence), logTime, publishTime, data });
    this.#counts.set(channelId, sequence + 1n);
    this.#messages++;
    if (this.#first === undefined || logTime < this.#first) this.#first = logTime;
    if (logTime > this.#last) this.#last = logTime;
  }

  /** Closes the open chunk: the chunk and the indexes of its messages; nothing when it is empty. */
  closeChunk(): Uint8Array | undefined {
    const chunk = this.#chunk;
    if (chunk.numMessages === 0) return undefined;
    const raw = chunk.buffer;
    const { compression, records } = this.#compressor.compress(raw);
    const chunkStartOffset = BigInt(this.#position);
    const { messageStartTime, messageEndTime } = chunk;
    const chunkLength = this.#records.writeChunk({
      messageStartTime,
      messageEndTime,
      uncompressedSize: BigInt(raw.length),
      uncompressedCrc: crc32(raw),
      compression,
      records,
    });
    const messageIndexOffsets = new Map<number, bigint>();
    let messageIndexLength = 0n;
    for (const index of chunk.indices) {
      messageIndexOffsets.set(index.channelId, chunkStartOffset + chunkLength + messageIndexLength);
      messageIndexLength += this.#records.writeMessageIndex(index);
    }
    this.#chunkIndexes.push({
      messageStartTime,
      messageEndTime,
      chunkStartOffset,
      chunkLength,
      messageIndexOffsets,
      messageIndexLength,
      compression,
      compressedSize: BigInt(records.length),
      uncompressedSize: BigInt(raw.length),
    });
    chunk.reset();
    return this.#take();
  }

  /** The summary that makes the file seekable. No chunk may be open. */
  end(): Uint8Array {
    // Every chunk has its own checksum.
    this.#records.writeDataEnd({ dataSectionCrc: 0 });
    const dataEnd = this.#records.length;
    const at = (): bigint => BigInt(this.#position + this.#records.length);
    const groups: McapTypes.SummaryOffset[] = [];
    const group = (groupOpcode: Opcode, write: () => void): void => {
      const groupStart = at();
      write();
      const groupLength = at() - groupStart;
      if (groupLength > 0n) groups.push({ groupOpcode, groupStart, groupLength });
    };
    const summaryStart = at();
    group(Opcode.SCHEMA, () => {
      for (const schema of this.#schemas.values()) this.#records.writeSchema(schema);
    });
    group(Opcode.CHANNEL, () => {
      for (const channel of this.#channels.values()) this.#records.writeChannel(channel);
    });
    group(Opcode.STATISTICS, () => this.#records.writeStatistics(this.#statistics()));
    group(Opcode.METADATA_INDEX, () => {
      for (const index of this.#metadataIndexes) this.#records.writeMetadataIndex(index);
    });
    group(Opcode.CHUNK_INDEX, () => {
      for (const index of this.#chunkIndexes) this.#records.writeChunkIndex(index);
    });
    const summaryOffsetStart = at();
    for (const offset of groups) this.#records.writeSummaryOffset(offset);
    this.#records.writeFooter({ summaryStart, summaryOffsetStart, summaryCrc: 0 });
    const bytes = this.#take();
    // The checksum covers the summary and the footer up to the checksum itself.
    const crcAt = bytes.length - 4;
    new DataView(bytes.buffer).setUint32(crcAt, crc32(bytes.subarray(dataEnd, crcAt)), true);
    this.#records.writeMagic();
    return Buffer.concat([bytes, this.#take()]);
  }

  #statistics(): McapTypes.Statistics {
    return {
      messageCount: this.#messages,
      schemaCount: this.#schemas.size,
      channelCount: this.#channels.size,
      attachmentCount: 0,
      metadataCount: this.#metadataIndexes.length,
      chunkCount: this.#chunkIndexes.length,
      messageStartTime: this.#first ?? 0n,
      messageEndTime: this.#last,
      channelMessageCounts: this.#counts,
    };
  }

  /** Schema and channel go into the chunk ahead of the channel's first message: a file cut short has them. */
  #register(topic: string, type: string): McapTypes.Channel {
    let schema = this.#schemas.get(type);
    if (!schema) {
      const text = definition(type) ?? this.#definitions[type] ?? '';
      schema = {
        id: this.#schemas.size + 1,
        name: type,
        encoding: text === '' ? '' : 'ros2msg',
        data: Buffer.from(text, 'utf8'),
      };
      this.#schemas.set(type, schema);
      this.#chunk.addSchema(schema);
    }
    const channel = {
      id: this.#channels.size + 1,
      schemaId: schema.id,
      topic,
      messageEncoding: 'cdr',
      metadata: new Map([['offered_qos_profiles', qosText]]),
    };
    this.#channels.set(topic, channel);
    this.#chunk.addChannel(channel);
    return channel;
  }

  #take(): Uint8Array {
    const bytes = this.#records.buffer;
    this.#records.reset();
    this.#position += bytes.length;
    return bytes;
  }
}
