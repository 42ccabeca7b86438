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
import { toValue } from '../values.ts';
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
  const image = end === 'image' ? imageOf(row, options.customNames ?? [], event.old) : {};
  return {
    changeId: options.newId(),
    tenantId: row.tenant_id,
    side: 'bevatel',
    integrationId: null,
    recordId: row.id,
    kind: end,
    revision: revisionOf(event, row),
    image,
    fieldTimes: end === 'image' ? fieldTimes(event, image, options) : {},
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

function imageOf(row: CdcRow, customNames: readonly string[], old: CdcRow | null): Record<string, Value> {
  const image: Record<string, Value> = {};
  for (const name of PLAIN_FIELDS) {
    const value = row[name];
    if (value !== undefined) image[name] = toValue(value);
  }
  if (row['custom'] === undefined) return image;
  for (const name of [...customNames, ...Object.keys(customOf(old))]) image[`custom.${name}`] = null;
  for (const [name, value] of Object.entries(customOf(row))) image[`custom.${name}`] = toValue(value);
  return image;
}

function customOf(row: CdcRow | null): Record<string, unknown> {
  const custom = row?.['custom'];
  return typeof custom === 'object' && custom !== null && !Array.isArray(custom) ? { ...custom } : {};
}

function fieldTimes(event: RowEvent, image: Record<string, Value>, options: ChangeOptions): Record<string, FieldTime> {
  const { op, old, new: row } = event;
  const at = row?.updated_at?.getTime();
  if (at === undefined || op === 'snapshot' || (op === 'update' && old?.updated_at?.getTime() === at)) return {};
  if (op === 'update' && !(old?.updated_at instanceof Date)) return {};
  const before = old === null ? {} : imageOf(old, options.customNames ?? [], null);
  const time: FieldTime = { at, actor: row?.updated_by ?? null };
  const changed = Object.entries(image).filter(([name, value]) => !sameValue(before[name] ?? null, value));
  return Object.fromEntries(changed.map(([name]) => [name, time]));
}

function referencesOf(row: CdcRow): Record<string, string> {
  const references = row.external_references;
  if (typeof references !== 'object' || references === null) return {};
  return Object.fromEntries(Object.entries(references).filter(([, id]) => typeof id === 'string')) as Record<string, string>;
}
