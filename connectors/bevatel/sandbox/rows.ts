/** From rows of the table `contacts` to contacts of the API, and the SQL fragments both directions share. */
import type { Contact } from '../contact-api.ts';
import { FIELD_NAMES } from '../contact-api.ts';

/** A row of `contacts` as `pg` delivers it. */
export interface ContactRow {
  id: string;
  version: number;
  external_references: Record<string, string>;
  created_at: Date;
  updated_at: Date;
  updated_by: string;
  deleted_at: Date | null;
  merged_into: string | null;
  [column: string]: unknown;
}

export function toContact(row: ContactRow): Contact {
  const fields = Object.fromEntries(FIELD_NAMES.map((name) => [name, row[name] ?? null]));
  return {
    id: row.id,
    version: row.version,
    fields: fields as Contact['fields'],
    external_references: row.external_references,
    created_at: row.created_at.toISOString(),
    updated_at: row.updated_at.toISOString(),
    updated_by: row.updated_by,
    deleted: row.deleted_at !== null,
  };
}

/** SQL: the value of column `name` held by the jsonb expression `source`; absent gives null. */
export function fieldFromJson(name: string, source: string): string {
  if (name === 'custom') return `nullif(${source}->'custom', 'null'::jsonb)`;
  if (name !== 'tags') return `${source}->>'${name}'`;
  return `CASE jsonb_typeof(${source}->'tags') WHEN 'array'
    THEN ARRAY(SELECT jsonb_array_elements_text(${source}->'tags')) END`;
}

/** SQL: column `name` of `row` after the patch in the jsonb expression `patch`: absent keeps, null clears. */
export function patchedField(name: string, row: string, patch: string): string {
  const merged =
    name === 'custom' ? `coalesce(${row}.custom, '{}') || (${patch}->'custom')` : fieldFromJson(name, patch);
  const given = name === 'custom' ? `CASE jsonb_typeof(${patch}->'custom') WHEN 'object' THEN ${merged} END` : merged;
  return `CASE WHEN ${patch} ? '${name}' THEN ${given} ELSE ${row}.${name} END`;
}
