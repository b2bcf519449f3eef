/** A file read in pieces at any offset; never more of it in memory than was asked for. */
import { type FileHandle, open } from 'node:fs/promises';
import { UserError } from '../../errors.js';

export class ByteFile {
  private constructor(
    /** As messages call it. */
    readonly path: string,
    readonly size: number,
    readonly handle: FileHandle,
  ) {}

  /**
   * @param name what messages call it, where that is not its path
   * @throws UserError when it cannot be opened or is not a file
   */
  static async open(path: string, name = path): Promise<ByteFile> {
    let handle: FileHandle | undefined;
    try {
      handle = await open(path, 'r');
      const stat = await handle.stat();
      if (!stat.isFile()) throw Object.assign(new Error('not a file'), { code: 'not a file' });
      return new ByteFile(name, stat.size, handle);
    } catch (cause) {
      await handle?.close();
      const { code } = cause as NodeJS.ErrnoException;
      throw new UserError(`recording ${name} cannot be read (${code}); check the path`, 2, { cause });
    }
  }

  /** Up to `length` bytes at `offset`: fewer where the file ends. The buffer is the caller's. */
  async read(offset: number, length: number): Promise<Uint8Array> {
    const bytes = new Uint8Array(Math.max(0, Math.min(length, this.size - offset)));
    let filled = 0;
    while (filled < bytes.length) {
      const { bytesRead } = await this.handle.read(bytes, filled, bytes.length - filled, offset + filled);
      if (bytesRead === 0) return bytes.subarray(0, filled); // It has become shorter since.
      filled += bytesRead;
    }
    return bytes;
  }

  close(): Promise<void> {
    return this.handle.close();
  }
}
