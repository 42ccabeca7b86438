/** Records and lists as the objects API shows them (fact sheet §2 "Record shape"). */
import type { Contact, HistoryEntry } from './model.ts';

const always = ['createdate', 'hs_object_id', 'lastmodifieddate'];
const byDefault = ['createdate', 'email', 'firstname', 'hs_object_id', 'lastmodifieddate', 'lastname'];

export interface Shown {
  readonly properties: readonly string[];
  readonly history: readonly string[];
}

type Showable = Pick<Contact, 'id' | 'createdAtMs' | 'updatedAtMs' | 'archivedAtMs' | 'values'> & Partial<Pick<Contact, 'history'>>;

/** The record with the asked properties; those without a value are null, unasked ones are absent. */
export function recordBody(contact: Showable, shown: Shown): Record<string, unknown> {
  const names = shown.properties.length > 0 ? new Set([...always, ...shown.properties]) : byDefault;
  const properties: Record<string, string | null> = {};
  for (const name of names) properties[name] = contact.values[name] ?? null;
  return {
    id: contact.id, properties,
    createdAt: new Date(contact.createdAtMs).toISOString(),
    updatedAt: new Date(contact.updatedAtMs).toISOString(),
    archived: contact.archivedAtMs !== null,
    ...(contact.archivedAtMs === null ? {} : { archivedAt: new Date(contact.archivedAtMs).toISOString() }),
    ...(shown.history.length > 0 ? { propertiesWithHistory: historyBody(contact.history ?? {}, shown.history) } : {}),
  };
}

function historyBody(history: Readonly<Record<string, readonly HistoryEntry[]>>, names: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(names.map((name) => [name, (history[name] ?? []).map(({ value, timestampMs, actor }) => ({
    value, timestamp: new Date(timestampMs).toISOString(), sourceType: actor.sourceType, sourceId: actor.sourceId,
    ...(actor.sourceLabel === undefined ? {} : { sourceLabel: actor.sourceLabel }),
    ...(actor.userId === undefined ? {} : { updatedByUserId: actor.userId }),
  }))]));
}

/** The envelope of every batch answer. */
export function batchBody(results: readonly unknown[], errors: readonly unknown[], nowMs: number): Record<string, unknown> {
  const instant = new Date(nowMs).toISOString();
  return {
    status: 'COMPLETE', results, requestedAt: instant, startedAt: instant, completedAt: instant,
    ...(errors.length > 0 ? { numErrors: errors.length, errors } : {}),
  };
}
