/** A table that goes on in another file when one has grown large, as LeRobot's do. */
import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { KeyValue, SchemaElement } from 'hyparquet';
import type { ColumnSource } from 'hyparquet-writer';
import { FIRST_FILE, type FileIndex, filePath, nextFile } from './format.js';
import { ParquetFile } from './parquet.js';

export interface SeriesOptions {
  /** The dataset's folder. */
  readonly root: string;
  /** `data/chunk-{chunk_index:03d}/…`, see format.ts. */
  readonly template: string;
  readonly schema: SchemaElement[];
  readonly metadata?: KeyValue[];
  /** A file is followed by another when what comes would bring it beyond this, bytes. */
  readonly fileBytes: number;
}

export class ParquetSeries {
  readonly #options: SeriesOptions;
  #index: FileIndex = FIRST_FILE;
  #file: ParquetFile | undefined;
  #units = 0;

  constructor(options: SeriesOptions) {
    this.#options = options;
  }

  /**
   * Says that `units` (rows, say) come that must stay together; returns the file they belong in. Their size is
   * guessed from those already in the file.
   */
  async place(units: number): Promise<FileIndex> {
    const { fileBytes } = this.#options;
    if (this.#file && this.#file.size * (1 + units / this.#units) >= fileBytes) {
      await this.close();
      this.#index = nextFile(this.#index);
    }
    this.#units += units;
    return this.#index;
  }

  /** Appends a row group to the file that was last named by `place`. */
  async write(columns: ColumnSource[]): Promise<void> {
    this.#file ??= await this.#open();
    await this.#file.write(columns);
  }

  async close(): Promise<void> {
    await this.#file?.close();
    this.#file = undefined;
    this.#units = 0;
  }

  /** Lets go of the file as it stands: unreadable. */
  async abandon(): Promise<void> {
    await this.#file?.abandon();
    this.#file = undefined;
  }

  async #open(): Promise<ParquetFile> {
    const { root, template, schema, metadata } = this.#options;
    const path = join(root, filePath(template, this.#index));
    await mkdir(dirname(path), { recursive: true });
    return ParquetFile.create(path, schema, metadata);
  }
}
