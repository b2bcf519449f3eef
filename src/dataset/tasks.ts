/** `meta/tasks.parquet`: a pandas table of `task_index`, indexed by the task's text. */
import type { ColumnSource } from 'hyparquet-writer';
import { column, ParquetFile, schema } from './parquet.js';

/** What pandas notes of a table: without it the text would be a column like any other. */
const PANDAS = JSON.stringify({
  index_columns: ['task'],
  column_indexes: [
    {
      name: null,
      field_name: null,
      pandas_type: 'unicode',
      numpy_type: 'object',
      metadata: { encoding: 'UTF-8' },
    },
  ],
  columns: [
    {
      name: 'task_index',
      field_name: 'task_index',
      pandas_type: 'int64',
      numpy_type: 'int64',
      metadata: null,
    },
    { name: 'task', field_name: 'task', pandas_type: 'unicode', numpy_type: 'object', metadata: null },
  ],
  creator: { library: 'saccade', version: '1' },
  pandas_version: '2.2.0',
});

export async function writeTasks(path: string, tasks: readonly string[]): Promise<void> {
  const elements = schema([column('task_index', 'int64'), column('task', 'string')]);
  const file = await ParquetFile.create(path, elements, [{ key: 'pandas', value: PANDAS }]);
  const columns: ColumnSource[] = [
    { name: 'task_index', data: tasks.map((_, i) => BigInt(i)) },
    { name: 'task', data: [...tasks] },
  ];
  await file.write(columns);
  await file.close();
}
