/**
 * Parquet files as LeRobot's: the schema that pyarrow writes for its columns (everything optional, three-level
 * lists), and a file that is written a row group at a time.
 */
import { type FileHandle, open } from 'node:fs/promises';
import type { KeyValue, SchemaElement } from 'hyparquet';
import { ByteWriter, type ColumnSource, ParquetWriter } from 'hyparquet-writer';

export type LeafType = 'float32' | 'float64' | 'int64' | 'bool' | 'string';

const LEAVES: Readonly<Record<LeafType, Pick<SchemaElement, 'type' | 'converted_type'>>> = {
  float32: { type: 'FLOAT' },
  float64: { type: 'DOUBLE' },
  int64: { type: 'INT64' },
  bool: { type: 'BOOLEAN' },
  string: { type: 'BYTE_ARRAY', converted_type: 'UTF8' },
};

/** A column's part of a schema. `depth` is how many lists its values are nested in. */
export function column(name: string, type: LeafType, depth = 0): SchemaElement[] {
  const head = { name, repetition_type: 'OPTIONAL' as const };
  if (depth === 0) return [{ ...head, ...LEAVES[type] }];
  return [
    { ...head, num_children: 1, converted_type: 'LIST' },
    { name: 'list', repetition_type: 'REPEATED', num_children: 1 },
    ...column('element', type, depth - 1),
  ];
}

/** A picture as Hugging Face `datasets` keeps it in a file: `{bytes, path}`. */
export function imageColumn(name: string): SchemaElement[] {
  return [
    { name, repetition_type: 'OPTIONAL', num_children: 2 },
    { name: 'bytes', repetition_type: 'OPTIONAL', type: 'BYTE_ARRAY' },
    ...column('path', 'string'),
  ];
}

export function schema(columns: readonly SchemaElement[][]): SchemaElement[] {
  return [{ name: 'schema', repetition_type: 'REQUIRED', num_children: columns.length }, ...columns.flat()];
}

/** For compressed bytes: to compress them again, or to look for equal ones, is time for nothing. */
export const AS_IT_IS = { codec: 'UNCOMPRESSED', encoding: 'PLAIN', statistics: false } as const;

/** Hands over to the file what the Parquet writer has put together. */
class FileBytes extends ByteWriter {
  constructor(readonly file: FileHandle) {
    super(1 << 20);
  }

  async flush(): Promise<void> {
    await this.file.writeFile(this.getBytes());
    this.index = 0;
  }

  override async finish(): Promise<void> {
    await this.flush();
  }
}

/** A Parquet file under construction: unreadable until closed. */
export class ParquetFile {
  readonly #file: FileHandle;
  readonly #bytes: FileBytes;
  readonly #writer: ParquetWriter;

  private constructor(file: FileHandle, schema: SchemaElement[], metadata: KeyValue[]) {
    this.#file = file;
    this.#bytes = new FileBytes(file);
    this.#writer = new ParquetWriter({
      writer: this.#bytes,
      schema,
      kvMetadata: metadata,
      createdBy: 'saccade',
    });
  }

  static async create(
    path: string,
    schema: SchemaElement[],
    metadata: KeyValue[] = [],
  ): Promise<ParquetFile> {
    return new ParquetFile(await open(path, 'wx'), schema, metadata);
  }

  /** Bytes written so far. */
  get size(): number {
    return this.#bytes.offset;
  }

  /** Appends a row group. Columns are in the schema's order and of one length. */
  async write(columns: ColumnSource[]): Promise<void> {
    const rows = columns[0]?.data.length ?? 0;
    await this.#writer.write({ columnData: columns, rowGroupSize: Math.max(1, rows) });
  }

  async close(): Promise<void> {
    await this.#writer.finish();
    await this.#file.close();
  }

  /** Lets go of the file as it stands. Safe after `close`. */
  async abandon(): Promise<void> {
    await this.#file.close().catch(() => {});
  }
}
