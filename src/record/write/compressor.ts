/** zstd where it pays. */
import { compress } from '@bokuweb/zstd-wasm';

const LEVEL = 1;
/** Less than a tenth saved is not worth the time it takes, on the way in and on every way out. */
const WORTH = 0.9;
/** After a chunk that was not worth it, so many are stored as they are before the next attempt. */
const REST = 15;

export interface CompressedChunk {
  /** As MCAP names it. */
  readonly compression: 'zstd' | '';
  readonly records: Uint8Array;
}

/**
 * JPEGs do not compress, nor do the pixels of a camera in bad light; joints, text and rendered images do. A
 * recording is much the same from one chunk to the next. `zstdReady` must have resolved.
 */
export class Compressor {
  #rest = 0;

  compress(raw: Uint8Array): CompressedChunk {
    if (this.#rest > 0) {
      this.#rest--;
      return { compression: '', records: raw };
    }
    const records = compress(raw, LEVEL);
    if (records.length <= raw.length * WORTH) return { compression: 'zstd', records };
    this.#rest = REST;
    return { compression: '', records: raw };
  }
}
