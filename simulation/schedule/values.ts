/** What people type: values that tell who typed them, in the writings that people use, on either side. */
import type { Random } from '../engine/random.ts';
import type { Image, Value } from '../../schemas/value.ts';
import type { Group } from './groups.ts';
import { GROUPS, STAGES } from './groups.ts';

/** What is meant, apart from how it is written; null means "empty". */
export type Meaning = number | null;
type Side = 'bevatel' | 'external';

/** How often a value is written in another way than the plain one. */
const ODD_WRITING = 0.35;

/** The fields of one group on one side, saying `meaning` in some writing. */
export function typed(group: Group, side: Side, meaning: Meaning, random: Random): Image {
  const fields = group[side];
  if (meaning === null) return Object.fromEntries(fields.map((field) => [field, null]));
  const odd = random.chance(ODD_WRITING);
  switch (group.kind) {
    case 'text': return one(fields, odd ? oddText(meaning, random) : `Company ${meaning}`);
    case 'phone': return one(fields, odd ? oddPhone(meaning, random) : `+96650${seven(meaning)}`);
    case 'email': return one(fields, odd ? ` Person.${meaning}@Example.test ` : `person.${meaning}@example.test`);
    case 'picklist': return one(fields, stage(meaning, side));
    case 'set': return one(fields, tags(meaning, side, odd));
    case 'name': return named(fields, meaning, odd);
    default: return group.kind satisfies never;
  }
}

function one(fields: readonly string[], value: Value): Image {
  return Object.fromEntries(fields.map((field) => [field, value]));
}

function oddText(meaning: number, random: Random): string {
  return random.pick([`  Company ${meaning} `, `Company & <Sons> ${meaning}`, `company ${meaning} of a very long name indeed`, `شركة نجد ${meaning}`]);
}

function seven(meaning: number): string {
  return String(1_000_000 + meaning * 7).slice(-7);
}

function oddPhone(meaning: number, random: Random): string {
  const number = seven(meaning);
  return random.pick([`050${number}`, `00966 50 ${number.slice(0, 3)} ${number.slice(3)}`, `+966 50-${number}`, `٠٥٠${number}`]);
}

function stage(meaning: number, side: Side): string {
  const stages = Object.entries(STAGES);
  const [bevatel, external] = stages[meaning % stages.length] as [string, string];
  return side === 'bevatel' ? bevatel : external;
}

function tags(meaning: number, side: Side, odd: boolean): Value {
  const list = odd ? [`tag ${meaning}`, 'vip', 'vip'] : ['vip', `tag ${meaning}`];
  return side === 'bevatel' ? list : list.join(';');
}

/** Two fields on one side, one on the other. */
function named(fields: readonly string[], meaning: number, odd: boolean): Image {
  const [first, last] = odd ? ['عبد الرحمن', `Al Saud ${meaning}`] : ['Nora', `K${meaning}`];
  const [full, second] = fields;
  if (second === undefined) return one(fields, `${first} ${last}`);
  return { [full as string]: first, [second]: last };
}

/** Everything that a person is known by at the start. */
export function recordOf(side: Side, meanings: Readonly<Record<string, Meaning>>, random: Random): Image {
  return Object.assign({}, ...GROUPS.map((group) => typed(group, side, meanings[group.name] ?? null, random))) as Image;
}
