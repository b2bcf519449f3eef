/** The contents of an MCAP file from the index at its end, where it has a whole one. */
import { McapIndexedReader } from '@mcap/core';
import type { ByteFile } from './byteFile.js';
import { MAX_DESCRIPTION_BYTES, MAX_PIECES } from './limits.js';
import { Description, type McapContents, type Piece } from './mcapContents.js';
import { Corrupt, OPCODE, RECORD_HEADER_BYTES } from './mcapRecords.js';

/**
 * Undefined when the file has no index of its chunks: it was cut short, or written without.
 * @throws Error when it has one that cannot be right
 */
export async function indexedContents(file: ByteFile): Promise<McapContents | undefined> {
  let reader: McapIndexedReader;
  try {
    reader = await McapIndexedReader.Initialize({ readable: boundedReadable(file) });
  } catch (error) {
    if ((error as Error).message.includes('File is not indexed')) return undefined;
    throw error;
  }
  const { statistics, chunkIndexes, channelsById, schemasById, metadataIndexes } = reader;
  // Messages outside chunks are in no index.
  if (chunkIndexes.length === 0 && statistics?.messageCount !== 0n) return undefined;
  if (statistics && statistics.chunkCount !== chunkIndexes.length)
    throw new Corrupt(`its index has ${chunkIndexes.length} of ${statistics.chunkCount} chunks`);
  if (chunkIndexes.length > MAX_PIECES) throw new Corrupt(`its index has ${chunkIndexes.length} chunks`);

  if (chunkIndexes.some(({ compression }) => compression !== '' && compression !== 'zstd'))
    throw new Corrupt('its chunks have a compression that is not read');

  const pieces = chunkIndexes.map((index): Piece => {
    const header = BigInt(RECORD_HEADER_BYTES);
    return {
      kind: 'chunk',
      offset: Number(index.chunkStartOffset + header),
      length: Number(index.chunkLength - header),
      bytes: Number(index.uncompressedSize),
      start: index.messageStartTime,
      end: index.messageEndTime,
      ...(index.messageIndexOffsets.size > 0 && { channels: new Set(index.messageIndexOffsets.keys()) }),
    };
  });
  refuseOverlap(pieces, file.size);

  const description = new Description();
  for (const [id, channel] of channelsById) description.channels.set(id, channel);
  for (const [id, schema] of schemasById) description.schemas.set(id, schema);
  for (const { offset, length } of metadataIndexes) {
    const record = await boundedReadable(file).read(offset, length);
    if (record[0] !== OPCODE.metadata) throw new Corrupt('its index of metadata is wrong');
    description.add(OPCODE.metadata, record.subarray(RECORD_HEADER_BYTES));
  }
  const counts =
    statistics && new Map([...statistics.channelMessageCounts].map(([id, count]) => [id, Number(count)]));
  return { pieces, description, ...(counts && { counts }) };
}

/** No byte of the file belongs to two chunks: reading all of them takes no longer than the file is. */
function refuseOverlap(pieces: readonly Piece[], size: number): void {
  let end = 0;
  for (const piece of pieces.toSorted((a, b) => a.offset - b.offset)) {
    if (piece.length <= 0 || piece.offset < end) throw new Corrupt('its index has chunks that overlap');
    end = piece.offset + piece.length;
  }
  if (end > size) throw new Corrupt('its index has a chunk beyond the end of the file');
}

function boundedReadable(file: ByteFile) {
  return {
    size: async () => BigInt(file.size),
    read: async (offset: bigint, length: bigint): Promise<Uint8Array> => {
      if (length > MAX_DESCRIPTION_BYTES) throw new Corrupt(`its index claims ${length} bytes`);
      if (offset < 0n || length < 0n || offset + length > BigInt(file.size))
        throw new Corrupt('its index points beyond the end of the file');
      return file.read(Number(offset), Number(length));
    },
  };
}
