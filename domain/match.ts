/**
 * Match keys: what tells, by the integration's rules in their order, which records of the two sides may be the same
 * person. Which of them are, `pairUp` decides (domain/pairing.ts).
 *
 * A key is `<kind>:<canonical value>` (`phone:+9665…`, `email:a@b`, `custom.national_id:1012…`) and holds personal data:
 * it is stored with the links and goes nowhere else (I11). Numbers of one kind meet whatever field they stand in; a
 * switchboard's number with an extension names no person and makes no key.
 */
import type { Image, Side, Value } from '../schemas/value.ts';
import { SIDES } from '../schemas/value.ts';
import { namesExtension } from './canonical/phone.ts';
import type { MappedLens, Mapping } from './lenses/mapping.ts';
import { idOn } from './link.ts';
import type { Link } from './link.ts';

/** How many advisory locks an integration's identities are spread over (design §5). */
export const IDENTITY_BUCKETS = 256;

export interface MatchKey {
  readonly key: string;
  readonly kind: string;
  /** The place of the rule that gave it, from 0. */
  readonly rank: number;
}

const NO_KEYS: readonly MatchKey[] = [];

/**
 * The match keys of an image as its system showed it (not its canonical form: an extension would be lost), in the
 * order of the rules, without doubles. Unknown, empty and invalid values make no key.
 */
export function matchKeys({ match }: Pick<Mapping, 'match'>, side: Side, image: Image): readonly MatchKey[] {
  const keys = new Map<string, MatchKey>();
  match.forEach(({ kind, entry }, rank) => {
    const key = keyOf(kind, entry, side, image);
    if (key !== null && !keys.has(key)) keys.set(key, { key, kind, rank });
  });
  return keys.size === 0 ? NO_KEYS : [...keys.values()];
}

function keyOf(kind: string, { lens }: MappedLens, side: Side, image: Image): string | null {
  const field = lens.fields[side][0];
  const written = field === undefined || !Object.hasOwn(image, field) ? null : image[field] ?? null;
  if (written === null) return null;
  const form = lens.canonical(side, [written]);
  return form.ok ? keyFrom(kind, written, form.values[0] ?? null) : null;
}

function keyFrom(kind: string, written: Value, form: Value): string | null {
  if ((typeof form !== 'string' && typeof form !== 'number') || (kind === 'phone' && namesExtension(written))) return null;
  return `${kind}:${form}`;
}

/** The keys of the link's record on a side; none where there is none, or where it is gone. */
export function keysOn(mapping: Pick<Mapping, 'match'>, link: Link, side: Side): readonly MatchKey[] {
  const { gone, seen } = link.state;
  const values = seen[side]?.values;
  if (values === undefined || link.erased || idOn(link, side) === null || gone?.[side] !== undefined) return NO_KEYS;
  return matchKeys(mapping, side, values);
}

/** A key of a link's record, as it is stored. */
export interface LinkKeyRow {
  readonly side: Side;
  readonly matchKey: string;
}

export interface KeyChange {
  readonly gone: readonly LinkKeyRow[];
  readonly added: readonly LinkKeyRow[];
}

/** How the stored keys of a link change with it; null, found without making a key, when none of what they are made of has moved. */
export function keyChange(mapping: Pick<Mapping, 'match'>, before: Link | null, after: Link | null): KeyChange | null {
  if (before && after && SIDES.every((side) => isSameMaterial(mapping, before, after, side))) return null;
  const [was, is] = [keyRows(mapping, before), keyRows(mapping, after)];
  const gone = lacking(was, is);
  const added = lacking(is, was);
  return gone.length === 0 && added.length === 0 ? null : { gone, added };
}

/** The keys of both records of a link, as they are stored. */
export function keyRows(mapping: Pick<Mapping, 'match'>, link: Link | null): readonly LinkKeyRow[] {
  return link ? SIDES.flatMap((side) => keysOn(mapping, link, side).map(({ key }) => ({ side, matchKey: key }))) : [];
}

/** Rows that are not among the others. */
export function lacking(rows: readonly LinkKeyRow[], others: readonly LinkKeyRow[]): readonly LinkKeyRow[] {
  return rows.filter((row) => !others.some((other) => other.side === row.side && other.matchKey === row.matchKey));
}

function isSameMaterial({ match }: Pick<Mapping, 'match'>, before: Link, after: Link, side: Side): boolean {
  if (before === after) return true;
  if ((idOn(before, side) === null) !== (idOn(after, side) === null) || before.erased !== after.erased) return false;
  if ((before.state.gone?.[side] === undefined) !== (after.state.gone?.[side] === undefined)) return false;
  const [was, is] = [before.state.seen[side]?.values, after.state.seen[side]?.values];
  if (was === is) return true;
  for (const { entry } of match) {
    const field = entry.lens.fields[side][0];
    if (field !== undefined && was?.[field] !== is?.[field]) return false;
  }
  return true;
}

/** The record's name as its side has it: what is mapped to Bevatel's first and last name; null where nothing is known of it. */
export function nameOn({ owners }: Pick<Mapping, 'owners'>, side: Side, image: Image): string | null {
  const fields = new Set(['contact_first_name', 'contact_last_name'].flatMap((field) => (side === 'bevatel' ? [field] : owners.bevatel.get(field)?.lens.fields.external ?? [])));
  const parts = [...fields].flatMap((field) => (typeof image[field] === 'string' ? [image[field]] : []));
  return parts.length === 0 ? null : parts.join(' ');
}

/** Every key that tells whose record this is, also by rules that its integration does not match by; an erased person is kept out by them. */
export function personKeys(mapping: Pick<Mapping, 'match' | 'lenses'>, side: Side, image: Image): readonly string[] {
  const keys = new Set(matchKeys(mapping, side, image).map(({ key }) => key));
  for (const entry of mapping.lenses) {
    const key = entry.type === 'phone' || entry.type === 'email' ? keyOf(entry.type, entry, side, image) : null;
    if (key !== null) keys.add(key);
  }
  return [...keys];
}

/** The keys of everything that a link knows of its person. */
export function personKeysOfLink(mapping: Mapping, link: Link): readonly string[] {
  const images = [...SIDES.map((side) => ({ side, image: link.state.seen[side]?.values })), ...(link.state.apart ?? [])];
  return [...new Set(images.flatMap(({ side, image }) => (image ? personKeys(mapping, side, image) : [])))];
}

/** The buckets of the keys, ascending and without doubles: locks are taken in this order. Stable for ever (FNV-1a, 32 bit). */
export function matchIdentityBuckets(keys: readonly string[]): readonly number[] {
  return [...new Set(keys.map((key) => fnv1a(key) % IDENTITY_BUCKETS))].sort((a, b) => a - b);
}

/** Over UTF-16 code units, low byte first. */
function fnv1a(text: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at += 1) {
    const unit = text.charCodeAt(at);
    hash = Math.imul(hash ^ (unit & 0xff), 0x01000193);
    hash = Math.imul(hash ^ (unit >>> 8), 0x01000193);
  }
  return (hash ^ (hash >>> 16)) >>> 0;
}
