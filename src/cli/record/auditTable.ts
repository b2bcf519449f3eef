/** The audit of an episode, or of a session, for a terminal. */
import { type Column, table } from '../../report/table.js';
import { problems, rateHz, type TopicAudit } from './audit.js';

const COLUMNS: readonly Column[] = [
  { title: 'topic' },
  { title: 'messages', align: 'right' },
  { title: 'rate', align: 'right' },
  { title: 'wanted', align: 'right' },
  { title: 'longest gap', align: 'right' },
  { title: 'out of order', align: 'right' },
  { title: 'repeated', align: 'right' },
];

/** A row a topic. */
export function auditTable(audits: readonly TopicAudit[]): string {
  return table(
    COLUMNS,
    audits.map((audit) => [
      audit.topic,
      String(audit.messages),
      hz(rateHz(audit)),
      hz(audit.rateHz ?? null),
      `${audit.largestGapS.toFixed(3)} s`,
      String(audit.outOfOrder),
      String(audit.duplicates),
    ]),
  );
}

/** A sentence for each topic that something is wrong with; what a policy cannot do without comes first. */
export function complaints(audits: readonly TopicAudit[]): string[] {
  return [...audits]
    .sort((a, b) => Number(b.required) - Number(a.required))
    .flatMap((audit) => {
      const found = problems(audit);
      return found.length === 0 ? [] : [`${audit.topic} (${audit.what}): ${found.join('; ')}`];
    });
}

function hz(rate: number | null): string {
  return rate === null ? '' : `${rate.toFixed(1)} Hz`;
}
