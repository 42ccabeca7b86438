/**
 * HubSpot's records as images. Values are strings; '' and null are both "cleared", a property that was not returned is
 * unknown. Histories tell who wrote each value; a record's revision is its modification stamp, which two edits within
 * the same millisecond share (capability `approximate`).
 */
import { z } from 'zod';
import { SyncError } from '../../schemas/errors.ts';
import type { FieldTime, HistoryEntry } from '../../schemas/change.ts';
import type { Image, Value } from '../../schemas/value.ts';
import type { RecordImage } from '../connector.ts';

export const MERGED_IDS_PROPERTY = 'hs_merged_object_ids';

const zInstant = z.string().transform((text, context) => {
  const ms = Date.parse(text);
  if (Number.isNaN(ms)) context.addIssue({ code: 'custom', message: 'not an instant' });
  return ms;
});
const zHistoryEntry = z.object({
  value: z.string().nullish(), timestamp: zInstant, sourceType: z.string().catch('UNKNOWN'), sourceId: z.string().nullish(),
});
export const zRecord = z.object({
  id: z.string(),
  properties: z.record(z.string(), z.string().nullable()),
  propertiesWithHistory: z.record(z.string(), z.array(zHistoryEntry)).nullish(),
  updatedAt: zInstant,
  objectWriteTraceId: z.string().nullish(),
  /** Batch upsert: whether it made the record. */
  new: z.boolean().nullish(),
});
export type HubSpotRecord = z.infer<typeof zRecord>;

/** What turns records into images. */
export interface ImageRules {
  readonly referenceProperty: string;
  /** The id under which our own writes stand in histories; unknown → ownership of app writes is unknown. */
  readonly appId: string | undefined;
}

/** Parses an answer to a read; one without the documented shape is the error `unexpected_answer`. */
export function parseAnswer<S extends z.ZodType>(schema: S, body: unknown, operation: string): z.infer<S> {
  const parsed = schema.safeParse(body);
  if (parsed.success) return parsed.data;
  const faults = parsed.error.issues.slice(0, 5).map(({ path, code }) => ({ path: path.join('.'), message: code }));
  throw new SyncError('unexpected_answer', `HubSpot's answer to ${operation} does not have the documented shape`, { operation, faults });
}

export function toRecordImage(record: HubSpotRecord, fields: readonly string[], rules: ImageRules): RecordImage {
  const values: Record<string, Value> = {};
  const fieldTimes: Record<string, FieldTime> = {};
  const histories: Record<string, readonly HistoryEntry[]> = {};
  for (const field of fields) {
    const value = record.properties[field];
    if (value !== undefined) values[field] = value === '' ? null : value;
    const entries = record.propertiesWithHistory?.[field];
    if (!entries) continue;
    const history = toHistory(entries, rules.appId);
    histories[field] = history;
    const newest = history[0];
    if (newest) fieldTimes[field] = { at: newest.at, actor: newest.actor };
  }
  const reference = record.properties[rules.referenceProperty];
  return {
    id: record.id, revision: revisionOf(record), values, fieldTimes, histories, modifiedAt: record.updatedAt,
    references: reference ? { bevatel: reference } : {},
    mergedIds: mergedIdsOf(record),
  };
}

export function revisionOf(record: Pick<HubSpotRecord, 'updatedAt'>): string {
  return String(record.updatedAt);
}

/** The ids that went into this record by merges, where they were asked for. */
export function mergedIdsOf(record: HubSpotRecord): readonly string[] {
  return (record.properties[MERGED_IDS_PROPERTY] ?? '').split(';').map((id) => id.trim()).filter((id) => id !== '');
}

function toHistory(entries: NonNullable<HubSpotRecord['propertiesWithHistory']>[string], appId: string | undefined): readonly HistoryEntry[] {
  return entries
    .map(({ value, timestamp, sourceType, sourceId }) => ({
      value: value ? value : null, at: timestamp, actor: actorOf(sourceType, sourceId), ours: isOurs(sourceType, sourceId, appId),
    }))
    .toSorted((a, b) => b.at - a.at);
}

/** People are `user:<id>`; what HubSpot names besides are automations, imports and apps. */
function actorOf(sourceType: string, sourceId: string | null | undefined): string {
  const userId = /^userId:(.+)$/.exec(sourceId ?? '')?.[1];
  if (userId !== undefined) return `user:${userId}`;
  return sourceId ? `${sourceType}:${sourceId}` : sourceType;
}

/** Apps write as INTEGRATION (older ones as API) under their app id; people and HubSpot's own jobs never do. */
function isOurs(sourceType: string, sourceId: string | null | undefined, appId: string | undefined): boolean | null {
  if (sourceType !== 'INTEGRATION' && sourceType !== 'API') return false;
  return appId === undefined ? null : sourceId === appId;
}

/** Values as HubSpot wants them written: '' clears, lists are joined by semicolons. */
export function toProperties(image: Image): Record<string, string> {
  return Object.fromEntries(Object.entries(image).map(([field, value]) => [field, toText(value)]));
}

function toText(value: Value): string {
  if (value === null) return '';
  return typeof value === 'object' ? value.join(';') : String(value);
}
