import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { parquetMetadata, parquetReadObjects } from 'hyparquet';
import { describe, expect, it } from 'vitest';
import { temporaryFolder } from '../../test/support/cli.js';
import { DATA_PATH } from './format.js';
import { AS_IT_IS, column, imageColumn, ParquetFile, schema } from './parquet.js';
import { ParquetSeries } from './series.js';

const tmp = temporaryFolder();
let files = 0;
const fresh = () => join(tmp, `${files++}.parquet`);

function read(path: string) {
  const bytes = readFileSync(path);
  const file = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length) as ArrayBuffer;
  return { metadata: parquetMetadata(file), rows: parquetReadObjects({ file, utf8: false }) };
}

describe('ParquetFile', () => {
  it('keeps numbers, texts, lists, lists of lists and pictures, in the schema that pyarrow writes', async () => {
    const path = fresh();
    const columns = [
      column('n', 'int64'),
      column('ok', 'bool'),
      column('words', 'string', 1),
      column('state', 'float32', 1),
      column('stats/x/mean', 'float64', 3),
      imageColumn('observation.images.head'),
    ];
    const file = await ParquetFile.create(path, schema(columns), [{ key: 'who', value: 'me' }]);
    const picture = { bytes: Uint8Array.of(1, 0, 255), path: 'frame-000000.png' };
    const group = (n: number) => [
      { name: 'n', data: [BigInt(n)] },
      { name: 'ok', data: [n === 1] },
      { name: 'words', data: [['a', 'ä']] },
      { name: 'state', data: [[0.5, -0.25]] },
      { name: 'stats/x/mean', data: [[[[1 / 3]], [[2]], [[3]]]] },
      { name: 'observation.images.head', data: [picture], ...AS_IT_IS },
    ];
    await file.write(group(1));
    await file.write(group(2));
    await file.close();
    const { metadata, rows } = read(path);
    expect(metadata.row_groups).toHaveLength(2);
    expect(metadata.key_value_metadata).toContainEqual({ key: 'who', value: 'me' });
    expect(metadata.schema.slice(3, 6)).toMatchObject([
      { name: 'words', repetition_type: 'OPTIONAL', converted_type: 'LIST' },
      { name: 'list', repetition_type: 'REPEATED' },
      { name: 'element', repetition_type: 'OPTIONAL', type: 'BYTE_ARRAY', converted_type: 'UTF8' },
    ]);
    const [first, second] = await rows;
    expect(first).toEqual({
      n: 1n,
      ok: true,
      words: ['a', 'ä'],
      state: [0.5, -0.25],
      'stats/x/mean': [[[1 / 3]], [[2]], [[3]]],
      'observation.images.head': picture,
    });
    expect(second).toMatchObject({ n: 2n, ok: false });
  });

  it('gives back every row of any row groups', async () => {
    const row = fc.record({
      n: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
      ok: fc.boolean(),
      text: fc.string({ unit: 'grapheme' }),
      x: fc.double({ noNaN: true }),
      list: fc.array(fc.float({ noNaN: true }), { minLength: 1, maxLength: 9 }),
    });
    const groups = fc.array(fc.array(row, { minLength: 1, maxLength: 30 }), { minLength: 1, maxLength: 4 });
    const elements = schema([
      column('n', 'int64'),
      column('ok', 'bool'),
      column('text', 'string'),
      column('x', 'float64'),
      column('list', 'float32', 1),
    ]);
    await fc.assert(
      fc.asyncProperty(groups, async (groups) => {
        const path = fresh();
        const file = await ParquetFile.create(path, elements);
        for (const rows of groups) {
          const names = ['n', 'ok', 'text', 'x', 'list'] as const;
          await file.write(names.map((name) => ({ name, data: rows.map((row) => row[name]) })));
        }
        await file.close();
        expect(file.size).toBe(statSync(path).size);
        expect(await read(path).rows).toEqual(groups.flat());
      }),
      { numRuns: 40 },
    );
  });
});

describe('ParquetSeries', () => {
  it('goes on in another file before one grows too large, and never divides what belongs together', async () => {
    const series = new ParquetSeries({
      root: tmp,
      template: DATA_PATH,
      schema: schema([column('x', 'float64')]),
      fileBytes: 20_000,
    });
    const places: number[] = [];
    let x = 0;
    for (let episode = 0; episode < 6; episode++) {
      places.push((await series.place(1000)).file);
      for (let group = 0; group < 2; group++)
        await series.write([{ name: 'x', data: Array.from({ length: 500 }, () => Math.sin(x++)) }]);
    }
    await series.close();
    // 8 kB an episode.
    expect(places).toEqual([0, 0, 1, 1, 2, 2]);
    const values = [];
    for (const name of ['file-000', 'file-001', 'file-002']) {
      const path = join(tmp, 'data/chunk-000', `${name}.parquet`);
      expect(statSync(path).size).toBeLessThan(20_000);
      values.push(...(await read(path).rows).map((row) => row.x));
    }
    expect(values).toEqual(Array.from({ length: 6000 }, (_, i) => Math.sin(i)));
  });
});
