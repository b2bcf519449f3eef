/** The worker thread of a replay. */
import { workerData } from 'node:worker_threads';
import { serve } from '../crew/thread.js';
import { ReplaySession } from './session.js';
import type { ReplaySpec } from './spec.js';

serve(() => ReplaySession.open(workerData as ReplaySpec));
