/** The file under a recording, as little of it as the writer needs: tests put a slow or a full one in its place. */
import { open } from 'node:fs/promises';

export interface Disk {
  /** Appends; when it rejects, any part of `bytes` may have been written. */
  write(bytes: Uint8Array): Promise<void>;
  /** Cuts the file to its first `length` bytes; writing goes on there. */
  truncate(length: number): Promise<void>;
  close(): Promise<void>;
}

/** @throws the system's error, EEXIST when the file is there already */
export async function createFile(path: string): Promise<Disk> {
  const file = await open(path, 'ax');
  return {
    write: (bytes) => file.appendFile(bytes),
    truncate: (length) => file.truncate(length),
    close: () => file.close(),
  };
}
