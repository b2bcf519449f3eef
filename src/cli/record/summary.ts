/** What a recording session came to: for a person, and as JSON. */
import { rateHz, type TopicAudit } from './audit.js';
import { auditTable } from './auditTable.js';
import type { KeptEpisode } from './session.js';

export interface SessionSummary {
  readonly out: string;
  readonly kept: readonly KeptEpisode[];
  readonly discarded: number;
  /** Of all kept episodes together. */
  readonly audit: readonly TopicAudit[];
}

export function sessionText({ out, kept, discarded, audit }: SessionSummary): string {
  const count = (stop: string) => kept.filter(({ result }) => result.stop === stop).length;
  const seconds = kept.reduce((sum, { result }) => sum + result.duration_s, 0);
  const parts = [`${count('success')} success`, `${count('failure')} failure`];
  if (count('interrupted') > 0) parts.push(`${count('interrupted')} without a verdict`);
  if (discarded > 0) parts.push(`${discarded} discarded`);
  const line = `${kept.length} ${kept.length === 1 ? 'episode' : 'episodes'} (${parts.join(', ')}), ${seconds.toFixed(1)} s, in ${out}\n`;
  return kept.length === 0 ? line : `\n${auditTable(audit)}\n\n${line}`;
}

export function sessionJson({ out, kept, discarded, audit }: SessionSummary): object {
  return {
    out,
    episodes: kept.map(({ dir, result, report, audit }) => ({
      bag: dir,
      success: result.success,
      stop: result.stop,
      duration_s: result.duration_s,
      bytes: report.bytes,
      dropped_images: report.droppedImages,
      ...(report.error !== undefined && { error: report.error }),
      topics: audit.map(topicJson),
    })),
    discarded,
    topics: audit.map(topicJson),
  };
}

function topicJson(audit: TopicAudit): object {
  return {
    topic: audit.topic,
    messages: audit.messages,
    rate_hz: round(rateHz(audit)),
    wanted_hz: audit.rateHz ?? null,
    largest_gap_s: round(audit.largestGapS),
    out_of_order: audit.outOfOrder,
    duplicates: audit.duplicates,
    largest_lag_s: round(audit.largestLagS),
    required: audit.required,
  };
}

/** To six places: a microsecond. */
function round(value: number | null): number | null {
  return value === null ? null : Math.round(value * 1e6) / 1e6;
}
