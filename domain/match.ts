/**
 * Matching: which records of the two sides are the same person, by the integration's rules in their order.
 *
 * Keys are `<type>:<canonical value>` (`phone:+9665…`, `email:a@b`) and hold personal data: they are stored with the
 * links and go nowhere else (I11). A switchboard's number with an extension names no person and makes no key.
 * Matching decides nothing about links that exist; it chooses among records without a partner (I4).
 */
import type { FieldType } from '../schemas/contact.ts';
import type { Integration } from '../schemas/integration.ts';
import { SIDES } from '../schemas/value.ts';
import type { Image, Side, Value } from '../schemas/value.ts';
import { namesExtension } from './canonical/phone.ts';
import type { Mapping } from './lenses/mapping.ts';
import type { Link } from './link.ts';

/** How many advisory locks an integration's identities are spread over (design §5). */
export const IDENTITY_BUCKETS = 256;

/**
 * The match keys of an image as its system showed it (not its canonical form: an extension would be lost), in the
 * order of the rules, without doubles. Unknown, empty and invalid values make no key.
 */
export function matchKeys(mapping: Mapping, integration: Integration, side: Side, image: Image): readonly string[] {
  const keys = new Set<string>();
  for (const name of integration.match) {
    const entry = mapping.byName.get(name);
    const field = entry?.lens.fields[side][0];
    if (!entry || field === undefined || !Object.hasOwn(image, field)) continue;
    const written = image[field] ?? null;
    const form = entry.lens.canonical(side, [written]);
    const key = form.ok ? keyOf(entry.type, written, form.values[0] ?? null) : null;
    if (key !== null) keys.add(key);
  }
  return [...keys];
}

/** Every key that tells whose record this is, by whatever rules its integration matches; an erased person is kept out by them. */
export function personKeys(mapping: Mapping, side: Side, image: Image): readonly string[] {
  const keys = new Set<string>();
  for (const { lens, type } of mapping.lenses) {
    const [field] = lens.fields[side];
    if ((type !== 'phone' && type !== 'email') || field === undefined) continue;
    const written = image[field] ?? null;
    const form = lens.canonical(side, [written]);
    const key = form.ok ? keyOf(type, written, form.values[0] ?? null) : null;
    if (key !== null) keys.add(key);
  }
  return [...keys];
}

/** The keys of everything that a link knows of its person. */
export function personKeysOfLink(mapping: Mapping, link: Link): readonly string[] {
  const images = [...SIDES.map((side) => ({ side, image: link.state.seen[side]?.values })), ...(link.state.apart ?? [])];
  return [...new Set(images.flatMap(({ side, image }) => (image ? personKeys(mapping, side, image) : [])))];
}

function keyOf(type: FieldType, written: Value, form: Value): string | null {
  if (typeof form !== 'string' || (type === 'phone' && namesExtension(written))) return null;
  return type === 'phone' || type === 'email' ? `${type}:${form}` : null;
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

export interface MatchCandidate {
  readonly linkId: string;
  readonly keys: readonly string[];
}

/** `rule` is the kind of key that decided: `phone`, `email`, or both joined by `+` where they disagree. */
export type MatchChoice =
  | { readonly kind: 'none' }
  | { readonly kind: 'one'; readonly linkId: string; readonly rule: string }
  | { readonly kind: 'several'; readonly linkIds: readonly string[]; readonly rule: string };

/**
 * Chooses among links that lack this side. The first key with any candidate decides: one is the match, several go to
 * the `multi_match` queue. A later key that points to other links only contradicts the match: several, too.
 */
export function chooseMatch(candidates: readonly MatchCandidate[], keys: readonly string[]): MatchChoice {
  const hits = keys
    .map((key) => ({ rule: ruleOf(key), linkIds: candidates.filter((candidate) => candidate.keys.includes(key)).map((candidate) => candidate.linkId) }))
    .filter((hit) => hit.linkIds.length > 0);
  const first = hits[0];
  if (!first) return { kind: 'none' };
  const [linkId, ...others] = new Set(first.linkIds);
  if (linkId === undefined) return { kind: 'none' };
  if (others.length > 0) return { kind: 'several', linkIds: [linkId, ...others].sort(), rule: first.rule };
  const contrary = hits.find((hit) => !hit.linkIds.includes(linkId));
  if (!contrary) return { kind: 'one', linkId, rule: first.rule };
  return { kind: 'several', linkIds: [...new Set([linkId, ...contrary.linkIds])].sort(), rule: joined(first.rule, contrary.rule) };
}

function ruleOf(key: string): string {
  return key.slice(0, key.indexOf(':'));
}

function joined(a: string, b: string): string {
  return a === b ? a : `${a}+${b}`;
}
