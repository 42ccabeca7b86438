/**
 * The search endpoint (fact sheet §3): filters, one sort, offset paging, caps, over an index that may lag behind writes.
 * The index keeps the values as they were when it caught up, so that a search can show an older record than a read.
 */
import { z } from 'zod';
import { invalid } from './fault.ts';
import type { Contact } from './model.ts';
import type { PropertyTable } from './properties.ts';

export const MAX_SEARCH_PAGE = 200;
export const MAX_SEARCH_RESULTS = 10_000;
/** Bounds the queue when nobody searches. */
const CATCH_UP_EVERY = 1_000;
const MAX_GROUPS = 5;
const MAX_FILTERS = 6;
const MAX_FILTERS_TOTAL = 18;
const MAX_QUERY_LENGTH = 3_000;
const queried = ['firstname', 'lastname', 'email', 'phone', 'mobilephone', 'company', 'hs_additional_emails', 'fax'];

const operators = [
  'LT', 'LTE', 'GT', 'GTE', 'EQ', 'NEQ', 'BETWEEN', 'IN', 'NOT_IN', 'HAS_PROPERTY', 'NOT_HAS_PROPERTY', 'CONTAINS_TOKEN', 'NOT_CONTAINS_TOKEN',
] as const;
const filterSchema = z.object({
  propertyName: z.string(), operator: z.enum(operators), value: z.string().optional(), highValue: z.string().optional(), values: z.array(z.string()).optional(),
});
const sortSchema = z.union([z.string(), z.object({ propertyName: z.string(), direction: z.enum(['ASCENDING', 'DESCENDING']).optional() })]);

export const searchRequestSchema = z.object({
  query: z.string().max(MAX_QUERY_LENGTH).optional(),
  limit: z.number().int().min(1).max(MAX_SEARCH_PAGE).default(10),
  after: z.union([z.string().regex(/^\d*$/), z.number().int().min(0)]).optional(),
  sorts: z.array(sortSchema).max(1).optional(),
  properties: z.array(z.string()).default([]),
  filterGroups: z.array(z.object({ filters: z.array(filterSchema).max(MAX_FILTERS) })).max(MAX_GROUPS).default([]),
});
export type SearchRequest = z.infer<typeof searchRequestSchema>;
type Filter = z.infer<typeof filterSchema>;

/** A contact as the index knows it. */
export interface IndexedContact {
  readonly id: string;
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
  readonly archivedAtMs: null;
  readonly values: Readonly<Record<string, string>>;
}

export interface SearchPage {
  readonly total: number;
  readonly contacts: readonly IndexedContact[];
  readonly nextAfter: string | null;
}

export class SearchIndex {
  readonly #properties: PropertyTable;
  readonly #now: () => number;
  readonly #documents = new Map<string, IndexedContact>();
  readonly #waiting: { readonly sinceMs: number; readonly id: string; readonly document: IndexedContact | null }[] = [];
  #next = 0;
  lagMs: number;

  constructor(options: { readonly properties: PropertyTable; readonly now: () => number; readonly lagMs: number }) {
    this.#properties = options.properties;
    this.#now = options.now;
    this.lagMs = options.lagMs;
  }

  /** Tells the index of a contact's new state; null when it is archived or gone. */
  put(id: string, contact: Contact | undefined): void {
    const document = contact === undefined ? null
      : { id, createdAtMs: contact.createdAtMs, updatedAtMs: contact.updatedAtMs, archivedAtMs: null, values: contact.values };
    const last = this.#waiting.at(-1);
    if (last?.id === id && last.document?.values === document?.values) return;
    this.#waiting.push({ sinceMs: this.#now(), id, document });
    if (this.#waiting.length % CATCH_UP_EVERY === 0) this.#catchUp();
  }

  search(request: SearchRequest): SearchPage {
    this.#catchUp();
    const offset = Number(request.after ?? 0);
    if (offset + request.limit > MAX_SEARCH_RESULTS) throw invalid(`Paging past ${MAX_SEARCH_RESULTS} results is not supported`);
    if (request.filterGroups.reduce((sum, group) => sum + group.filters.length, 0) > MAX_FILTERS_TOTAL) throw invalid('Too many filters');
    const found = this.#matching(request);
    this.#sort(found, request.sorts?.[0]);
    const end = offset + request.limit;
    return { total: found.length, contacts: found.slice(offset, end), nextAfter: found.length > end ? String(end) : null };
  }

  #catchUp(): void {
    const horizonMs = this.#now() - this.lagMs;
    for (let entry = this.#waiting[this.#next]; entry && entry.sinceMs <= horizonMs; entry = this.#waiting[this.#next]) {
      if (entry.document) this.#documents.set(entry.id, entry.document);
      else this.#documents.delete(entry.id);
      this.#next += 1;
    }
    this.#waiting.splice(0, this.#next);
    this.#next = 0;
  }

  #matching(request: SearchRequest): IndexedContact[] {
    const groups = request.filterGroups.map((group) => group.filters.map((filter) => this.#predicate(filter)));
    const needle = request.query?.toLowerCase();
    const found: IndexedContact[] = [];
    for (const document of this.#documents.values()) {
      const inGroups = groups.length === 0 || groups.some((filters) => filters.every((matches) => matches(document.values)));
      const inQuery = !needle || queried.some((name) => document.values[name]?.toLowerCase().includes(needle));
      if (inGroups && inQuery) found.push(document);
    }
    return found;
  }

  #predicate(filter: Filter): (values: Readonly<Record<string, string>>) => boolean {
    const { propertyName, operator } = filter;
    const comparable = this.#comparable(propertyName);
    /** Any of several chosen options may match. */
    const isList = this.#properties.find(propertyName)?.fieldType === 'checkbox';
    const value = comparable(filter.value ?? '');
    const highValue = comparable(filter.highValue ?? '');
    const wanted = new Set((filter.values ?? []).map(comparable));
    const compared = (test: (own: string | number) => boolean) => (values: Readonly<Record<string, string>>): boolean => {
      const own = values[propertyName];
      if (own === undefined) return false;
      return isList ? own.split(';').some((part) => test(comparable(part))) : test(comparable(own));
    };
    const negated = (matches: (values: Readonly<Record<string, string>>) => boolean) => (values: Readonly<Record<string, string>>): boolean => !matches(values);
    const token = compared((own) => String(own).includes(String(value).replaceAll('*', '')));
    switch (operator) {
      case 'LT': return compared((own) => own < value);
      case 'LTE': return compared((own) => own <= value);
      case 'GT': return compared((own) => own > value);
      case 'GTE': return compared((own) => own >= value);
      case 'EQ': return compared((own) => own === value);
      case 'NEQ': return negated(compared((own) => own === value));
      case 'BETWEEN': return compared((own) => own >= value && own <= highValue);
      case 'IN': return compared((own) => wanted.has(own));
      case 'NOT_IN': return negated(compared((own) => wanted.has(own)));
      case 'HAS_PROPERTY': return compared(() => true);
      case 'NOT_HAS_PROPERTY': return negated(compared(() => true));
      case 'CONTAINS_TOKEN': return token;
      case 'NOT_CONTAINS_TOKEN': return negated(token);
    }
  }

  /** Numbers and ids compare as numbers, instants as epoch milliseconds, text without case. */
  #comparable(propertyName: string): (value: string) => string | number {
    const definition = this.#properties.find(propertyName);
    if (!definition) throw invalid(`There was a problem with the request: property ${propertyName} does not exist`);
    if (propertyName === 'hs_object_id' || definition.type === 'number') return (value) => Number(value);
    if (definition.type === 'date' || definition.type === 'datetime') return (value) => (/^-?\d+$/.test(value) ? Number(value) : Date.parse(value));
    return (value) => value.toLowerCase();
  }

  #sort(found: IndexedContact[], sort: z.infer<typeof sortSchema> | undefined): void {
    const { propertyName, descending } = typeof sort === 'string'
      ? { propertyName: sort.replace(/^-/, ''), descending: sort.startsWith('-') }
      : { propertyName: sort?.propertyName ?? 'createdate', descending: sort?.direction === 'DESCENDING' };
    const comparable = this.#comparable(propertyName);
    const keyed = found.map((document) => ({ document, key: comparable(document.values[propertyName] ?? '') }));
    keyed.sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0) * (descending ? -1 : 1));
    keyed.forEach(({ document }, index) => (found[index] = document));
  }
}
