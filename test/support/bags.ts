/** Recordings as other programs write them: MCAP of every layout through @mcap/core, sqlite3 in rosbag2's schema. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { compress } from '@bokuweb/zstd-wasm';
import { type IWritable, McapWriter, type McapWriterOptions } from '@mcap/core';
import sqlite from 'node-sqlite3-wasm';
import { stringify } from 'yaml';
import { definition } from '../../src/messages/definitions.js';
import type { BagMessage } from '../../src/record/bag.js';
import { zstdReady } from '../../src/record/zstd.js';

export interface McapLayout extends Omit<McapWriterOptions, 'writable' | 'compressChunk'> {
  readonly compression?: 'zstd' | 'none';
  /** Metadata records. */
  readonly metadata?: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

/** An MCAP file's bytes. */
export async function mcapBytes(
  messages: readonly BagMessage[],
  { compression = 'zstd', metadata = {}, ...options }: McapLayout = {},
): Promise<Uint8Array> {
  await zstdReady();
  const pieces: Uint8Array[] = [];
  let position = 0;
  const writable: IWritable = {
    position: () => BigInt(position),
    write: async (bytes) => {
      pieces.push(bytes.slice());
      position += bytes.length;
    },
  };
  const writer = new McapWriter({
    writable,
    ...options,
    ...(compression === 'zstd' && {
      compressChunk: (data: Uint8Array) => ({
        compression: 'zstd',
        compressedData: compress(Buffer.from(data), 1),
      }),
    }),
  });
  await writer.start({ profile: 'ros2', library: 'test' });
  for (const [name, values] of Object.entries(metadata))
    await writer.addMetadata({ name, metadata: new Map(Object.entries(values)) });
  const channels = new Map<string, number>();
  let sequence = 0;
  for (const { topic, type, logTime, publishTime, data } of messages) {
    let channelId = channels.get(topic);
    if (channelId === undefined) {
      const text = new TextEncoder().encode(definition(type) ?? '');
      const schemaId = await writer.registerSchema({ name: type, encoding: 'ros2msg', data: text });
      channelId = await writer.registerChannel({
        schemaId,
        topic,
        messageEncoding: 'cdr',
        metadata: new Map(),
      });
      channels.set(topic, channelId);
    }
    await writer.addMessage({ channelId, sequence: sequence++, logTime, publishTime, data });
  }
  await writer.end();
  return Buffer.concat(pieces);
}

export async function writeMcap(
  file: string,
  messages: readonly BagMessage[],
  layout?: McapLayout,
): Promise<string> {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, await mcapBytes(messages, layout));
  return file;
}

export interface SqliteLayout {
  /** `compression_mode: message`: the data of each message is a zstd frame. */
  readonly compressed?: boolean;
  /** rosbag2's index on the time. */
  readonly indexed?: boolean;
}

/** Schema version 4, as rosbag2_storage_sqlite3 of Jazzy creates it. */
export async function writeSqlite(
  file: string,
  messages: readonly BagMessage[],
  { compressed = false, indexed = true }: SqliteLayout = {},
): Promise<string> {
  await zstdReady();
  mkdirSync(dirname(file), { recursive: true });
  const database = new sqlite.Database(file);
  database.exec(`
    CREATE TABLE schema(schema_version INTEGER PRIMARY KEY,ros_distro TEXT NOT NULL);
    CREATE TABLE metadata(id INTEGER PRIMARY KEY,metadata_version INTEGER NOT NULL,metadata TEXT NOT NULL);
    CREATE TABLE topics(id INTEGER PRIMARY KEY,name TEXT NOT NULL,type TEXT NOT NULL,serialization_format TEXT NOT NULL,offered_qos_profiles TEXT NOT NULL,type_description_hash TEXT NOT NULL);
    CREATE TABLE message_definitions(id INTEGER PRIMARY KEY,topic_type TEXT NOT NULL,encoding TEXT NOT NULL,encoded_message_definition TEXT NOT NULL,type_description_hash TEXT NOT NULL);
    CREATE TABLE messages(id INTEGER PRIMARY KEY,topic_id INTEGER NOT NULL,timestamp INTEGER NOT NULL, data BLOB NOT NULL);
    INSERT INTO schema VALUES (4, 'jazzy');
  `);
  if (indexed) database.exec('CREATE INDEX timestamp_idx ON messages (timestamp ASC)');
  database.exec('BEGIN');
  const topics = new Map<string, number>();
  for (const { topic, type, logTime, data } of messages) {
    let id = topics.get(topic);
    if (id === undefined) {
      id = topics.size + 1;
      topics.set(topic, id);
      database.run('INSERT INTO topics VALUES (?, ?, ?, ?, ?, ?)', [id, topic, type, 'cdr', '', '']);
      database.run(
        'INSERT INTO message_definitions(topic_type, encoding, encoded_message_definition, type_description_hash) VALUES (?, ?, ?, ?)',
        [type, 'ros2msg', definition(type) ?? '', ''],
      );
    }
    const stored = compressed ? compress(Buffer.from(data), 1) : data;
    database.run('INSERT INTO messages(topic_id, timestamp, data) VALUES (?, ?, ?)', [id, logTime, stored]);
  }
  database.exec('COMMIT');
  database.close();
  return file;
}

export interface FolderMetadata {
  readonly version?: number;
  readonly storage?: string;
  readonly compression?: 'file' | 'message';
  readonly files: readonly string[];
}

export function writeMetadata(
  folder: string,
  { version = 9, storage = 'mcap', compression, files }: FolderMetadata,
): void {
  mkdirSync(folder, { recursive: true });
  const text = stringify({
    rosbag2_bagfile_information: {
      version,
      storage_identifier: storage,
      duration: { nanoseconds: 0 },
      starting_time: { nanoseconds_since_epoch: 0 },
      message_count: 0,
      topics_with_message_count: [],
      compression_format: compression ? 'zstd' : '',
      compression_mode: compression?.toUpperCase() ?? '',
      relative_file_paths: files,
    },
  });
  writeFileSync(join(folder, 'metadata.yaml'), text);
}

/** A message with random-looking content of `bytes`, which `seed` fixes. */
export function message(topic: string, logTime: bigint, seed: number, bytes = 8): BagMessage {
  const data = new Uint8Array(4 + bytes);
  data[1] = 1;
  for (let i = 0, state = seed * 2654435761 + 1; i < bytes; i++) {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    data[4 + i] = state >>> 16;
  }
  return { topic, type: 'std_msgs/msg/Float32', logTime, publishTime: logTime + 1n, data };
}
