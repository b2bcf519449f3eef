import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The installed package's folder: where `config/` and `models/` are, from src/ and from dist/ alike. */
export const packageRoot = fileURLToPath(new URL('../..', import.meta.url));

/** Where a task given by name is looked up. */
export const tasksDir = join(packageRoot, 'config/tasks');
