/** One MCAP file of a recording. */
import type { BagMessage, BagTopic } from '../bag.js';
import type { ByteFile } from './byteFile.js';
import type { Damage } from './damage.js';
import { MAX_PIECE_BYTES } from './limits.js';
import type { McapContents, Piece } from './mcapContents.js';
import { indexedContents } from './mcapIndex.js';
import {
  type Channel,
  Corrupt,
  chunkRecords,
  eachRecord,
  MESSAGE_FIELDS_BYTES,
  messageField,
  OPCODE,
} from './mcapRecords.js';
import { scannedContents } from './mcapScan.js';
import { type BagFile, joinSpans, type Source, type TimeSpan } from './source.js';

interface ChannelTopic {
  readonly topic: string;
  readonly type: string;
}

/**
 * Takes over `file`, closing it with the result or when this fails.
 * @param damage collects what cannot be read, now and while messages stream
 */
export async function openMcap(file: ByteFile, damage: Damage): Promise<McapFile> {
  return new McapFile(file, await contents(file, damage), damage);
}

async function contents(file: ByteFile, damage: Damage): Promise<McapContents> {
  let indexError: string | undefined;
  try {
    const indexed = await indexedContents(file);
    if (indexed) return indexed;
  } catch (error) {
    indexError = (error as Error).message;
  }
  const before = damage.sentence;
  const scanned = await scannedContents(file, damage);
  // A file that was cut short has no index either, which needs no second sentence.
  if (indexError !== undefined && damage.sentence === before)
    damage.note(`${file.path} has a damaged index, which was not needed to read it: ${indexError}`);
  return scanned;
}

export class McapFile implements BagFile {
  readonly storage = 'mcap';
  readonly path: string;
  readonly topics: readonly BagTopic[];
  readonly metadata: ReadonlyMap<string, ReadonlyMap<string, string>>;
  readonly definitions: ReadonlyMap<string, string>;
  readonly span: TimeSpan | undefined;
  readonly #channels: ReadonlyMap<number, ChannelTopic>;

  constructor(
    private readonly file: ByteFile,
    readonly contents: McapContents,
    private readonly damage: Damage,
  ) {
    const { description, pieces, counts } = contents;
    this.path = file.path;
    this.metadata = description.metadata;
    this.definitions = new Map(
      [...description.schemas.values()]
        .filter(({ encoding }) => encoding === 'ros2msg')
        .map(({ name, data }) => [name, new TextDecoder().decode(data)]),
    );
    // A chunk without messages says that it lasts from 0 to 0.
    this.span = pieces
      .filter(({ channels, end }) => channels || end > 0n)
      .reduce<TimeSpan | undefined>((span, { start, end }) => joinSpans(span, { start, end }), undefined);
    const typeOf = ({ schemaId }: Channel) => description.schemas.get(schemaId)?.name ?? '';
    const channels = [...description.channels.values()];
    this.#channels = new Map(
      channels.map((channel) => [channel.id, { topic: channel.topic, type: typeOf(channel) }]),
    );
    this.topics = channels.map((channel) => ({
      name: channel.topic,
      type: typeOf(channel),
      serialization: channel.messageEncoding,
      ...(counts && { messages: counts.get(channel.id) ?? 0 }),
    }));
  }

  sources(topics?: ReadonlySet<string>): readonly Source[] {
    const channels = new Map([...this.#channels].filter(([, { topic }]) => topics?.has(topic) ?? true));
    return this.contents.pieces
      .filter((piece) => !piece.channels || [...piece.channels].some((id) => channels.has(id)))
      .map((piece) => ({
        start: piece.start,
        bytes: piece.bytes,
        messages: () => this.#messages(piece, channels),
      }));
  }

  close(): Promise<void> {
    return this.file.close();
  }

  async *#messages(
    piece: Piece,
    channels: ReadonlyMap<number, ChannelTopic>,
  ): AsyncGenerator<BagMessage, void, void> {
    let records: Uint8Array;
    try {
      records = await this.#load(piece);
    } catch (error) {
      this.#lost(piece, error);
      return;
    }
    const view = new DataView(records.buffer, records.byteOffset, records.byteLength);
    for (const start of this.#ordered(piece, records, view, channels)) {
      yield {
        ...(channels.get(messageField.channelId(view, start)) as ChannelTopic),
        logTime: messageField.logTime(view, start),
        publishTime: messageField.publishTime(view, start),
        data: records.slice(start + MESSAGE_FIELDS_BYTES, messageField.end(view, start)),
      };
    }
  }

  async #load({ kind, offset, length }: Piece): Promise<Uint8Array> {
    if (length > 2 * MAX_PIECE_BYTES) throw new Corrupt(`it has ${length} bytes`);
    const content = await this.file.read(offset, length);
    if (content.length < length) throw new Corrupt('it is cut short');
    return kind === 'chunk' ? chunkRecords(content) : content;
  }

  /** Where the contents of the wanted messages begin, in the order of their time. */
  #ordered(
    piece: Piece,
    records: Uint8Array,
    view: DataView,
    channels: ReadonlyMap<number, ChannelTopic>,
  ): readonly number[] {
    const starts: number[] = [];
    let sorted = true;
    let last = 0n;
    try {
      eachRecord(records, (opcode, start, end) => {
        if (opcode !== OPCODE.message) return;
        if (end - start < MESSAGE_FIELDS_BYTES) throw new Corrupt('a message is cut short');
        const channel = messageField.channelId(view, start);
        if (!this.#channels.has(channel)) this.#lost(piece, new Corrupt(`there is no channel ${channel}`));
        if (!channels.has(channel)) return;
        const time = messageField.logTime(view, start);
        sorted &&= time >= last;
        last = time;
        starts.push(start);
      });
    } catch (error) {
      this.#lost(piece, error);
    }
    if (sorted) return starts;
    // Array.sort is stable: equal times keep the order of the file.
    return starts.sort((a, b) => {
      const [x, y] = [messageField.logTime(view, a), messageField.logTime(view, b)];
      return x < y ? -1 : x > y ? 1 : 0;
    });
  }

  #lost({ offset }: Piece, error: unknown): void {
    const why = (error as Error).message;
    this.damage.note(`${this.path} is damaged near byte ${offset}: ${why}; the rest is read`);
  }
}
