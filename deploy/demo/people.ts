/**
 * Invented people for the demo, the same ones for the same seed: `SHARED` of them are on both sides, written
 * differently there; the others are on one side only.
 *
 * Numbers are national, E.164, with `00` or in Arabic-Indic digits; addresses differ in case; names are Arabic or
 * Latin, some with emoji, invisible direction marks or decomposed letters; fields are missing; a few values are invalid.
 * No two people have a number or an address in common, so that whoever ends up twice on a side was put there twice.
 */
import type { ContactPatch } from '../../connectors/bevatel/contact-api.ts';
import { seededRandom } from '../../connectors/hubspot/sandbox/model.ts';
import type { Properties } from '../../connectors/hubspot/sandbox/model.ts';
import { COMPANIES, FIRST_NAMES, JOB_TITLES, LANGUAGES, LAST_NAMES, LATIN_NAMES, NUMBER_PLANS } from './names.ts';

export const SHARED = 500;
export const PER_SIDE = 2_000;

/** As one side writes the person; null where the person is not there. */
export interface Person {
  readonly bevatel: ContactPatch | null;
  readonly hubspot: Properties | null;
}

interface Facts {
  readonly first: string;
  readonly last: string;
  /** The family name in Arabic letters. */
  readonly arabicLast: string;
  readonly latin: readonly [first: string, last: string];
  /** E.164. */
  readonly phone: string | null;
  readonly email: string | null;
  readonly company: string | null;
  readonly job: string | null;
  readonly language: string | null;
}

type Random = () => number;

/** The shared ones first. Callers that load them shuffle (`shuffled`). */
export function inventPeople(seed: number): readonly Person[] {
  const random = seededRandom(seed);
  const only = PER_SIDE - SHARED;
  return Array.from({ length: SHARED + 2 * only }, (_, index): Person => {
    const facts = inventFacts(index, random);
    if (index < SHARED) return sharedPerson(index, facts, random);
    if (index < SHARED + only) return { bevatel: { ...inBevatel(facts, random), ...invalidInBevatel(index - SHARED) }, hubspot: null };
    return { bevatel: null, hubspot: { ...inHubSpot(facts, random), ...invalidInHubSpot(index - SHARED - only) } };
  });
}

export function shuffled<T>(items: readonly T[], seed: number): readonly T[] {
  const random = seededRandom(seed);
  return items.map((item) => ({ item, rank: random() })).sort((a, b) => a.rank - b.rank).map(({ item }) => item);
}

function inventFacts(index: number, random: Random): Facts {
  const [arabicFirst, latinFirst] = pick(FIRST_NAMES, random);
  const [arabicLast, latinLast] = pick(LAST_NAMES, random);
  const foreign = pick(LATIN_NAMES, random);
  const script = random();
  const latin = script < 0.15 ? foreign : [latinFirst, latinLast] as const;
  const [first, last] = script < 0.15 ? foreign : script < 0.6 ? [arabicFirst, arabicLast] : latin;
  const reach = random();
  return {
    first: decorated(first, random), last, arabicLast, latin,
    phone: index < SHARED || reach < 0.9 ? inventPhone(index, random) : null,
    email: index < SHARED || reach > 0.3 ? inventEmail(latin, index) : null,
    company: random() < 0.7 ? pick(COMPANIES, random) : null,
    job: random() < 0.4 ? pick(JOB_TITLES, random) : null,
    language: random() < 0.6 ? pick(LANGUAGES, random) : null,
  };
}

/** Emoji as people put them into chat names, and marks that came along with right-to-left text. */
function decorated(first: string, random: Random): string {
  const chance = random();
  if (chance < 0.03) return `${first} 🌸`;
  if (chance < 0.05) return `${first} 👨‍👩‍👧`;
  return chance < 0.08 ? `\u200F${first}\u200F` : first;
}

/** Distinct by the index, which stands in the last digits. */
function inventPhone(index: number, random: Random): string {
  let left = random() * 100;
  const plan = NUMBER_PLANS.find(({ share }) => (left -= share) < 0) ?? NUMBER_PLANS[0];
  if (!plan) throw new Error('no numbering plan');
  return `+${plan.countryCode}${pick(plan.prefixes, random)}${String(index + 10_000).padStart(plan.digits, '2')}`;
}

function inventEmail([first, last]: readonly [string, string], index: number): string {
  const plain = `${first}.${last}`.normalize('NFD').replaceAll('ı', 'i').replace(/[^A-Za-z.]/g, '');
  return `${plain}${index}@example.${pick(['com', 'net', 'org'], () => (index % 3) / 3)}`;
}

function inBevatel(facts: Facts, random: Random): ContactPatch {
  return {
    contact_first_name: facts.first, contact_last_name: facts.last,
    phone_number: facts.phone && bevatelWriting(facts.phone, random),
    email: facts.email && (random() < 0.5 ? facts.email : facts.email.toLowerCase()),
    company_name: facts.company, language: facts.language, source_channel: pick(['whatsapp', 'instagram', 'call'], random),
    custom: facts.job === null ? null : { job_title: facts.job },
  };
}

function bevatelWriting(phone: string, random: Random): string {
  const chance = random();
  if (chance < 0.1) return `00${phone.slice(1)}`;
  return chance < 0.15 ? phone.replace(/[0-9]/g, (digit) => String.fromCharCode(0x660 + Number(digit))) : phone;
}

function inHubSpot(facts: Facts, random: Random): Properties {
  const written = {
    firstname: random() < 0.2 ? facts.first.normalize('NFD') : facts.first, lastname: facts.last,
    phone: facts.phone && hubSpotWriting(facts.phone, random),
    email: facts.email && (random() < 0.3 ? facts.email.toUpperCase() : facts.email),
    company: facts.company, hs_language: facts.language, jobtitle: facts.job,
  };
  return Object.fromEntries(Object.entries(written).filter(([, value]) => value !== null));
}

/** Salespeople type what stands on the card: Saudi numbers nationally, others with blanks and dashes. */
function hubSpotWriting(phone: string, random: Random): string {
  const chance = random();
  const saudi = phone.startsWith('+966') ? phone.slice(4) : null;
  if (saudi !== null && chance < 0.45) return `0${saudi.slice(0, 2)} ${saudi.slice(2, 5)} ${saudi.slice(5)}`;
  if (saudi !== null && chance < 0.6) return `(+966) ${saudi.slice(0, 2)}-${saudi.slice(2)}`;
  return chance < 0.8 ? `${phone.slice(0, 4)} ${phone.slice(4, 7)} ${phone.slice(7)}` : phone;
}

/** Every way in which the two sides can know the same person: both keys, one of them, gaps, and values that disagree. */
function sharedPerson(index: number, facts: Facts, random: Random): Person {
  const bevatel = inBevatel(facts, random);
  const hubspot: Record<string, string | null> = { ...inHubSpot(facts, random) };
  const kind = index % 50;
  if (kind < 12) (kind % 2 === 0 ? delete bevatel.email : delete hubspot['email']);
  else if (kind < 20) (kind % 2 === 0 ? delete bevatel.phone_number : delete hubspot['phone']);
  if (kind % 7 === 0) delete bevatel.company_name;
  if (kind % 9 === 0) delete hubspot['jobtitle'];
  if (kind === 48) hubspot['company'] = `${facts.company ?? 'Najd Systems'} Group`;
  if (kind === 49) [bevatel.contact_last_name, hubspot['lastname']] = [facts.arabicLast, facts.latin[1]];
  return { bevatel, hubspot };
}

const BAD_NUMBERS = ['call me', '123', '0000000000', '+966501'] as const;

function invalidInBevatel(index: number): ContactPatch {
  if (index < BAD_NUMBERS.length) return { phone_number: BAD_NUMBERS[index] ?? null };
  return index < BAD_NUMBERS.length + 2 ? { email: `nobody${index}.at.example` } : {};
}

function invalidInHubSpot(index: number): Properties {
  if (index < BAD_NUMBERS.length) return { phone: BAD_NUMBERS[index] ?? null };
  return index < BAD_NUMBERS.length + 3 ? { hs_language: 'ar-sa' } : {};
}

function pick<T>(items: readonly T[], random: Random): T {
  return items[Math.floor(random() * items.length)] as T;
}
