/** zstd with bounded results: the frame's claim is checked before anything is allocated for it. */
import { decompress, init } from '@bokuweb/zstd-wasm';
import { MAX_PIECE_BYTES } from './read/limits.js';

/** The four bytes a zstd frame begins with. A CDR message begins with 0. */
const MAGIC = 0xfd2fb528;

let initialised: Promise<void> | undefined;

/**
 * Must have resolved before anything is compressed or decompressed. The library may be initialised only once a
 * thread: a second time, part of it goes on in the memory of the first.
 */
export function zstdReady(): Promise<void> {
  initialised ??= init();
  return initialised;
}

export function isZstd(bytes: Uint8Array): boolean {
  return bytes.length >= 4 && view(bytes).getUint32(0, true) === MAGIC;
}

/**
 * Decompresses one frame.
 * @param limit the most it may come to
 * @throws Error when it is damaged, or says or turns out to be larger
 */
export function unzstd(frame: Uint8Array, limit = MAX_PIECE_BYTES): Uint8Array {
  const size = contentSize(frame);
  if (size !== undefined && size > limit)
    throw new Error(`its zstd data claims ${size} bytes where at most ${limit} are allowed`);
  // An empty buffer cannot be asked for: 0 bytes mean that the allocation failed.
  return decompress(frame, { defaultHeapSize: Math.max(1, limit) });
}

/** What a frame's header says of the size of its content: RFC 8878, 3.1.1.1. */
function contentSize(frame: Uint8Array): number | undefined {
  if (!isZstd(frame)) throw new Error('its zstd data has no zstd header');
  // The shortest frames are shorter than the longest header, so no field is read past the end of a copy.
  const header = new Uint8Array(18);
  header.set(frame.subarray(0, header.length));
  const data = view(header);
  const descriptor = data.getUint8(4);
  const singleSegment = (descriptor & 0x20) !== 0;
  const dictionaryBytes = [0, 1, 2, 4][descriptor & 3] as number;
  const at = 5 + (singleSegment ? 0 : 1) + dictionaryBytes;
  switch (descriptor >> 6) {
    case 0:
      return singleSegment ? data.getUint8(at) : undefined;
    case 1:
      return data.getUint16(at, true) + 256;
    case 2:
      return data.getUint32(at, true);
    default:
      return Number(data.getBigUint64(at, true));
  }
}

const view = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
