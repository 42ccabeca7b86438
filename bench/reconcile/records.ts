/**
 * The pairs of records that the reconcile figure works on: what each side shows at first, and after each edit.
 *
 * A pair is told by its number, so that 200,000 of them need no memory until something happens to them. HubSpot's
 * images carry the history of every field, as its connector reads them.
 */
import type { ContactChange, FieldTime, HistoryEntry } from '../../schemas/change.ts';
import type { Image, Side, Value } from '../../schemas/value.ts';
import { APP_ID, INTEGRATION, TENANT } from '../integration.ts';

/** Virtual time: pairs stand since `START`, event number i happens at `START + i` ms, and the service runs at `LATER`. */
export const START = Date.UTC(2026, 0, 15, 9);
export const LATER = START + 600_000;
const BEFORE = START - 86_400_000;

/** Bevatel's field → the external one, group by group. */
export const FIELDS: Readonly<Record<string, string>> = {
  contact_first_name: 'firstname', contact_last_name: 'lastname', phone_number: 'phone', email: 'email',
  company_name: 'company', language: 'hs_language', 'custom.job_title': 'jobtitle', 'custom.city': 'city',
};
export type Group = string;

/** What Bevatel's row holds besides: change data capture knows of no mapping. */
const UNMAPPED: Image = { source_channel: 'whatsapp', crm_url: null, tags: [], consent: 'opted_in', owner: null };

const FIRST = ['محمد', 'Ahmed', 'نورة', 'Sara', 'عبد الله', 'Khalid', 'فاطمة', 'Omar'];
const LAST = ['العتيبي', 'Al-Harbi', 'القحطاني', 'Haddad', 'الشهري', 'Mansour', 'الزهراني', 'Nasser'];
const COMPANIES = ['شركة الرياض للتجارة', 'Gulf Trading Est.', 'Najd Holding', 'مؤسسة البحر الأحمر'];
const LANGUAGES = ['ar', 'en', 'fr', 'de', 'ur'];
const CITIES = ['الرياض', 'Jeddah', 'الدمام', 'Dubai', 'القاهرة'];

/** A value of a group that no other number gives. */
export function valueOf(group: Group, pair: number, edit: number): string {
  const at = pair + edit * 7;
  switch (group) {
    case 'contact_first_name': return `${FIRST[at % FIRST.length]}${edit === 0 ? '' : ` ${edit}`}`;
    case 'contact_last_name': return `${LAST[at % LAST.length]}${edit === 0 ? '' : ` ${edit}`}`;
    case 'phone_number': return `+96650${String((pair * 37 + edit * 11) % 10_000_000).padStart(7, '0')}`;
    case 'email': return `person${pair}${edit === 0 ? '' : `.${edit}`}@example.com`;
    case 'company_name': return `${COMPANIES[at % COMPANIES.length]} ${pair % 500}${edit === 0 ? '' : `-${edit}`}`;
    case 'language': return LANGUAGES[(pair + edit) % LANGUAGES.length] ?? 'ar';
    case 'custom.job_title': return `Account manager ${at % 90}${edit === 0 ? '' : `-${edit}`}`;
    default: return `${CITIES[at % CITIES.length]}${edit === 0 ? '' : ` ${edit}`}`;
  }
}

/** One side of a pair as its system has it now. */
export interface RecordState {
  revision: string;
  readonly image: Record<string, Value>;
  readonly history: Record<string, HistoryEntry[]>;
  modifiedAt: number;
}

export function bevatelId(pair: number): string {
  return `018d0d4a-0000-7000-8000-${pair.toString(16).padStart(12, '0')}`;
}

export function externalId(pair: number): string {
  return String(40_000_000_000 + pair);
}

export function recordId(side: Side, pair: number): string {
  return side === 'bevatel' ? bevatelId(pair) : externalId(pair);
}

export function fieldOn(side: Side, group: Group): string {
  return side === 'bevatel' ? group : (FIELDS[group] ?? group);
}

export function firstState(side: Side, pair: number): RecordState {
  const image: Record<string, Value> = {};
  const history: Record<string, HistoryEntry[]> = {};
  if (side === 'bevatel') Object.assign(image, UNMAPPED);
  for (const group of Object.keys(FIELDS)) {
    const value = valueOf(group, pair, 0);
    image[fieldOn(side, group)] = value;
    if (side === 'external') history[fieldOn(side, group)] = [{ value, at: BEFORE, actor: 'CRM_UI:userId:55', ours: false }];
  }
  return { revision: side === 'bevatel' ? '1' : String(BEFORE), image, history, modifiedAt: BEFORE };
}

export interface Write {
  readonly group: Group;
  readonly value: Value;
  readonly at: number;
  /** Written by the service itself, not by a person. */
  readonly ours: boolean;
}

/** The record after a write. */
export function writeTo(side: Side, state: RecordState, { group, value, at, ours }: Write): void {
  const field = fieldOn(side, group);
  state.image[field] = value;
  state.modifiedAt = at;
  state.revision = side === 'bevatel' ? String(Number(state.revision) + 1) : String(at);
  if (side === 'bevatel') return;
  const actor = ours ? `INTEGRATION:${APP_ID}` : 'CRM_UI:userId:55';
  state.history[field] = [{ value: String(value), at, actor, ours }, ...(state.history[field] ?? [])].slice(0, 20);
}

/** The change that capture publishes of the record as it is now: from CDC on side bevatel, from a read by id on the other. */
export function changeOf(side: Side, pair: number, state: RecordState, changeId: string, edited: Write | null): ContactChange {
  const isExternal = side === 'external';
  return {
    changeId, tenantId: TENANT, side, integrationId: isExternal ? INTEGRATION : null, recordId: recordId(side, pair), kind: 'image',
    revision: state.revision, image: { ...state.image } as Image,
    fieldTimes: isExternal ? newestTimes(state) : bevatelTimes(edited),
    histories: isExternal ? Object.fromEntries(Object.entries(state.history).map(([field, entries]) => [field, [...entries]])) : {},
    modifiedAt: state.modifiedAt, observedFrom: state.modifiedAt + 5, observedTo: state.modifiedAt + 9,
    readById: isExternal, capture: isExternal ? 'read' : 'cdc',
    references: isExternal ? { bevatel: bevatelId(pair) } : { [INTEGRATION]: externalId(pair) },
    mergedIds: [], mergedInto: null,
  };
}

function newestTimes(state: RecordState): Record<string, FieldTime> {
  return Object.fromEntries(Object.entries(state.history).flatMap(([field, [newest]]) => (newest ? [[field, { at: newest.at, actor: newest.actor }]] : [])));
}

function bevatelTimes(edited: Write | null): Record<string, FieldTime> {
  return edited ? { [edited.group]: { at: edited.at, actor: edited.ours ? 'app:bevatel-sync' : 'user:nora' } } : {};
}
