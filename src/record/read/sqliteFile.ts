/**
 * One sqlite3 file of a recording, as rosbag2's sqlite3 storage writes it. SQLite reads pages from the disk as it
 * needs them.
 */
import { existsSync } from 'node:fs';
import { mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import sqlite from 'node-sqlite3-wasm';
import { UserError } from '../../errors.js';
import type { BagMessage, BagTopic } from '../bag.js';
import type { Damage } from './damage.js';
import { MAX_DESCRIPTION_BYTES, MAX_PIECE_BYTES, MAX_PIECES } from './limits.js';
import { type BagFile, joinSpans, type Source, type TimeSpan } from './source.js';

export const SQLITE_MAGIC = new TextEncoder().encode('SQLite format 3\0');

/** What is read of each table. */
const COLUMNS = {
  topics: ['id', 'name', 'type', 'serialization_format'],
  messages: ['id', 'topic_id', 'timestamp', 'data'],
} as const;

interface TopicRow {
  readonly id: number;
  readonly topic: BagTopic;
}

interface MessageRow {
  readonly id: bigint;
  readonly topic: number;
  readonly time: bigint;
  readonly bytes: number;
}

/**
 * @param name what messages call it
 * @param damage collects what cannot be read, now and while messages stream
 * @throws UserError when the file is not what rosbag2 writes
 */
export async function openSqlite(file: string, damage: Damage, name: string): Promise<BagFile> {
  const database = await openDatabase(file, name);
  try {
    return new SqliteFile(name, database, damage);
  } catch (cause) {
    database.close();
    if (cause instanceof UserError) throw cause;
    throw new UserError(`${name} cannot be read as a recording: ${(cause as Error).message}`, 2, { cause });
  }
}

/**
 * This SQLite locks a database by making a folder beside it, which a read-only folder forbids and a killed process
 * leaves behind; two readers would refuse each other. So it is shown the file through a link in a folder of its own,
 * which is gone again as soon as it has the file open (and, in exclusive mode, keeps it so).
 */
async function openDatabase(file: string, name: string): Promise<sqlite.Database> {
  const folder = await mkdtemp(path.join(tmpdir(), 'saccade-bag-'));
  const link = path.join(folder, 'bag.db3');
  let database: sqlite.Database | undefined;
  try {
    await symlink(path.resolve(file), link);
    // What was committed but not yet moved into the file when the recorder stopped (rosbag2's preset "resilient").
    if (existsSync(`${file}-wal`)) await symlink(path.resolve(`${file}-wal`), `${link}-wal`);
    database = new sqlite.Database(link, { readOnly: true });
    database.exec(
      'PRAGMA locking_mode = EXCLUSIVE; PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON',
    );
    database.get('SELECT count(*) FROM sqlite_master');
    return database;
  } catch (cause) {
    database?.close();
    throw new UserError(`${name} is not a readable SQLite database: ${(cause as Error).message}`, 2, {
      cause,
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

class SqliteFile implements BagFile {
  readonly storage = 'sqlite3';
  readonly metadata = new Map<string, never>();
  readonly definitions: ReadonlyMap<string, string>;
  readonly topics: readonly BagTopic[];
  readonly span: TimeSpan | undefined;
  readonly #topics: readonly TopicRow[];
  readonly #data: sqlite.Statement;

  constructor(
    readonly path: string,
    private readonly database: sqlite.Database,
    private readonly damage: Damage,
  ) {
    for (const table of ['topics', 'messages'] as const) this.#requireTable(table);
    this.definitions = this.#definitions();
    const counts = new Map<number, number>();
    let span: TimeSpan | undefined;
    let counted = true;
    try {
      const rows = database.all(
        'SELECT topic_id, count(*) AS n, min(timestamp) AS first, max(timestamp) AS last FROM messages GROUP BY topic_id',
      );
      for (const row of rows) {
        counts.set(Number(row.topic_id), Number(row.n));
        span = joinSpans(span, { start: toBigInt(row.first), end: toBigInt(row.last) });
      }
    } catch (error) {
      this.#lost(error);
      counted = false;
    }
    this.span = span;
    this.#topics = database
      .all('SELECT id, name, type, serialization_format FROM topics ORDER BY id')
      .map((row) => {
        const id = Number(row.id);
        const topic = {
          name: String(row.name),
          type: String(row.type),
          serialization: String(row.serialization_format),
          ...(counted && { messages: counts.get(id) ?? 0 }),
        };
        return { id, topic };
      });
    this.topics = this.#topics.map(({ topic }) => topic);
    this.#data = database.prepare('SELECT data FROM messages WHERE id = ?');
  }

  /** Written since Jazzy (and Iron). */
  #definitions(): ReadonlyMap<string, string> {
    try {
      const rows = this.database.all(
        `SELECT topic_type, encoded_message_definition AS text FROM message_definitions
         WHERE encoding = 'ros2msg' AND length(text) < ${MAX_DESCRIPTION_BYTES / 1024} LIMIT 1024`,
      );
      return new Map(rows.map((row) => [String(row.topic_type), String(row.text)]));
    } catch {
      return new Map();
    }
  }

  /** A table of that name with real columns: a view or a computed column could take for ever. */
  #requireTable(table: keyof typeof COLUMNS): void {
    const entry = this.database.get('SELECT type, sql FROM sqlite_master WHERE name = ?', table);
    const real = entry?.type === 'table' && /^CREATE TABLE/i.test(String(entry.sql));
    const columns = real ? this.database.all(`PRAGMA table_info(${table})`).map(({ name }) => name) : [];
    const missing = COLUMNS[table].filter((column) => !columns.includes(column));
    if (missing.length > 0)
      throw new UserError(
        `${this.path} is not a rosbag2 recording: it has no table '${table}' with ${missing.join(', ')}`,
      );
  }

  sources(topics?: ReadonlySet<string>): readonly Source[] {
    const wanted = this.#topics.filter(({ topic }) => topics?.has(topic.name) ?? true);
    if (wanted.length === 0) return [];
    return [{ start: this.span?.start ?? 0n, bytes: 0, messages: () => this.#messages(wanted) }];
  }

  async close(): Promise<void> {
    if (!this.database.isOpen) return;
    finalize(this.#data);
    this.database.close();
  }

  async *#messages(wanted: readonly TopicRow[]): AsyncGenerator<BagMessage, void, void> {
    const topics = new Map(wanted.map(({ id, topic }) => [id, topic]));
    let last: MessageRow | undefined;
    try {
      for (const row of this.#rows('ORDER BY timestamp, id')) {
        last = row;
        const message = this.#message(row, topics);
        if (message) yield message;
      }
      return;
    } catch (error) {
      this.#lost(error);
    }
    for (const row of this.#salvage(last)) {
      const message = this.#message(row, topics);
      if (message) yield message;
    }
  }

  /** What is after `last` in the part of the table that can be read without the index on the time. */
  #salvage(last: MessageRow | undefined): readonly MessageRow[] {
    const rows: MessageRow[] = [];
    try {
      for (const row of this.#rows(''))
        if ((!last || inOrder(last, row) < 0) && rows.length < MAX_PIECES) rows.push(row);
    } catch (error) {
      this.#lost(error);
    }
    return rows.sort(inOrder);
  }

  /** Without their data, so that a file that lacks rosbag2's index on the time sorts numbers, not images. */
  *#rows(order: 'ORDER BY timestamp, id' | ''): Generator<MessageRow, void, void> {
    const table = order === '' ? 'messages NOT INDEXED' : 'messages';
    const statement = this.database.prepare(
      `SELECT id, topic_id, timestamp, length(data) AS bytes FROM ${table} ${order}`,
    );
    try {
      for (const { id, topic_id, timestamp, bytes } of statement.iterate())
        yield { id: toBigInt(id), topic: Number(topic_id), time: toBigInt(timestamp), bytes: Number(bytes) };
    } finally {
      finalize(statement);
    }
  }

  #message(row: MessageRow, topics: ReadonlyMap<number, BagTopic>): BagMessage | undefined {
    const topic = topics.get(row.topic);
    if (!topic) return undefined;
    try {
      if (row.bytes > MAX_PIECE_BYTES) throw new Error(`message ${row.id} has ${row.bytes} bytes`);
      const data = this.#data.get(row.id)?.data;
      if (!(data instanceof Uint8Array)) throw new Error(`message ${row.id} has no data`);
      return { topic: topic.name, type: topic.type, logTime: row.time, publishTime: row.time, data };
    } catch (error) {
      this.#lost(error);
      return undefined;
    }
  }

  #lost(error: unknown): void {
    this.damage.note(`${this.path} is damaged: ${(error as Error).message}; what else can be read is`);
  }
}

/** It throws what the statement's last step has thrown already, after doing its work. */
function finalize(statement: sqlite.Statement): void {
  try {
    statement.finalize();
  } catch {
    // Known.
  }
}

function inOrder(a: MessageRow, b: MessageRow): number {
  const [x, y] = a.time === b.time ? [a.id, b.id] : [a.time, b.time];
  return x < y ? -1 : x > y ? 1 : 0;
}

/** A time, ns; SQLite may hold anything in any column. */
function toBigInt(value: unknown): bigint {
  if (typeof value === 'bigint') return value;
  if (typeof value === 'number' && Number.isSafeInteger(value)) return BigInt(value);
  throw new Error(`it has '${value}' where a whole number belongs`);
}
