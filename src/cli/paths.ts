import { fileURLToPath } from 'node:url';

/** The installed package's folder: where `config/` and `models/` are, from src/ and from dist/ alike. */
export const packageRoot = fileURLToPath(new URL('../..', import.meta.url));
