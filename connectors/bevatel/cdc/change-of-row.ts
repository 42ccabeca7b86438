/**
 * From a row event to the change that travels on `contact.changes.*`: the image in Bevatel's own field names.
 *
 * - Custom attributes are `custom.<name>`; one that the row lacks is null when the event or `customNames` says that
 *   it is one, else absent.
 * - A field's time is the row's `updated_at`, its actor `updated_by`, for the fields that this event changed; where
 *   the row before is unknown or `updated_at` stood still, times are unknown (I5: never guessed).
 * - A deletion, a merge and an erasure carry no image: what the contact looked like is known already.
 */
import type { ContactChange, FieldTime } from '../../../schemas/change.ts';
import { CONTACT_FIELDS } from '../../../schemas/contact.ts';
import type { Value } from '../../../schemas/value.ts';
import { sameValue } from '../../../schemas/value.ts';
import { CUSTOM_PREFIX, toValue } from '../values.ts';
import type { CdcRow, RowEvent } from './row-event.ts';

export interface ChangeOptions {
  readonly newId: () => string;
  /** Custom attributes that are mapped somewhere, without `custom.`: null in the image where the row lacks them. */
  readonly customNames?: readonly string[];
}

/** Null when the event says nothing new: the removal of a row whose erasure was told by the event before. */
export function changeOfRow(event: RowEvent, options: ChangeOptions): ContactChange | null {
  const row = event.new ?? event.old;
  if (row === null || (event.op === 'delete' && row.erased === true)) return null;
  const end = event.op === 'delete' ? 'deleted' : endOf(row);
  const image = end === 'image' ? imageOf(row, event.old, options.customNames ?? []) : {};
  return {
    changeId: options.newId(),
    tenantId: row.tenant_id,
    side: 'bevatel',
    integrationId: null,
    recordId: row.id,
    kind: end,
    revision: revisionOf(event, row),
    image,
    fieldTimes: end === 'image' ? fieldTimes(event, image) : {},
    histories: {},
    modifiedAt: event.op === 'delete' ? event.commitTime : (row.updated_at?.getTime() ?? null),
    observedFrom: event.observedFrom,
    observedTo: event.observedTo,
    readById: false,
    capture: event.op === 'snapshot' ? 'snapshot' : 'cdc',
    references: end === 'image' ? referencesOf(row) : {},
    mergedIds: [],
    mergedInto: end === 'merged' ? (row.merged_into ?? null) : null,
  };
}

function endOf(row: CdcRow): 'image' | 'deleted' | 'erased' | 'merged' {
  if (row.erased === true) return 'erased';
  if (typeof row.merged_into === 'string') return 'merged';
  return row.deleted_at instanceof Date ? 'deleted' : 'image';
}

/** A removed row has no version of its own: its end counts as the one after its last, so that it is the newer. */
function revisionOf(event: RowEvent, row: CdcRow): string | null {
  if (typeof row.version !== 'string') return null;
  return event.op === 'delete' ? String(BigInt(row.version) + 1n) : row.version;
}

const PLAIN_FIELDS = Object.keys(CONTACT_FIELDS);
/** The columns that changes are made of. */
export const COLUMNS_READ: ReadonlySet<string> = new Set([
  ...PLAIN_FIELDS, 'tenant_id', 'id', 'version', 'custom', 'external_references', 'updated_at', 'updated_by', 'deleted_at', 'merged_into', 'erased',
]);

function imageOf(row: CdcRow, old: CdcRow | null, customNames: readonly string[]): Record<string, Value> {
  const image: Record<string, Value> = {};
  for (const name of PLAIN_FIELDS) {
    const value = row[name];
    if (value !== undefined) image[name] = toValue(value);
  }
  if (row['custom'] === undefined) return image;
  const custom = customOf(row);
  for (const name of customNames) if (!Object.hasOwn(custom, name)) image[CUSTOM_PREFIX + name] = null;
  for (const name in customOf(old)) if (!Object.hasOwn(custom, name)) image[CUSTOM_PREFIX + name] = null;
  for (const name in custom) image[CUSTOM_PREFIX + name] = toValue(custom[name]);
  return image;
}

const NO_ATTRIBUTES: Readonly<Record<string, unknown>> = {};

function customOf(row: CdcRow | null): Readonly<Record<string, unknown>> {
  const custom = row?.['custom'];
  return typeof custom === 'object' && custom !== null && !Array.isArray(custom) ? (custom as Record<string, unknown>) : NO_ATTRIBUTES;
}

function fieldTimes({ op, old, new: row }: RowEvent, image: Readonly<Record<string, Value>>): Record<string, FieldTime> {
  const at = row?.updated_at?.getTime();
  if (at === undefined || op === 'snapshot' || (op === 'update' && old?.updated_at?.getTime() === at)) return {};
  if (op === 'update' && !(old?.updated_at instanceof Date)) return {};
  const time: FieldTime = { at, actor: row?.updated_by ?? null };
  const times: Record<string, FieldTime> = {};
  for (const name in image) if (!sameValue(valueBefore(old, name), image[name])) times[name] = time;
  return times;
}

function valueBefore(old: CdcRow | null, name: string): Value {
  if (!name.startsWith(CUSTOM_PREFIX)) return toValue(old?.[name] ?? null);
  const custom = customOf(old);
  const attribute = name.slice(CUSTOM_PREFIX.length);
  return Object.hasOwn(custom, attribute) ? toValue(custom[attribute]) : null;
}

function referencesOf(row: CdcRow): Record<string, string> {
  const given = row.external_references;
  if (typeof given !== 'object' || given === null) return {};
  const references: Record<string, string> = {};
  for (const [name, id] of Object.entries(given)) if (typeof id === 'string') references[name] = id;
  return references;
}
