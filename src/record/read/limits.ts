/**
 * How much of a recording may be in memory at once. A file's own claims are never believed beyond these, so that
 * a damaged or hostile one costs an error and not the machine's memory (docs/bags.md).
 */

/** Of one chunk or one message, compressed or not: an 8-megapixel raw image has 25 MB. */
export const MAX_PIECE_BYTES = 64 * 2 ** 20;

/**
 * Of chunks that overlap in time and are therefore open together, and how many they may be. With what opening one
 * takes (it is there compressed, in zstd's own memory, and decompressed), this keeps a process below 512 MB.
 */
export const MAX_OPEN_BYTES = MAX_PIECE_BYTES;
export const MAX_OPEN_PIECES = 256;

/** Of everything that describes a file: its index, schemas, channels and metadata records. */
export const MAX_DESCRIPTION_BYTES = 32 * 2 ** 20;

/** Chunks of a file: at 1 MiB each, a terabyte. */
export const MAX_PIECES = 2 ** 20;
