/**
 * A text made of the other side's fields (schemas/template.ts has the notation). Without any of them there is no text.
 *
 * Read backwards, each field reaches to where the text after it stands first; what would not give the same text
 * again is refused (`template`). A template that cannot be read backwards only recognises the text that it would make.
 */
import type { Lens } from '../lens.ts';
import { notInvertible } from '../../schemas/template.ts';
import type { Template, TemplatePart } from '../../schemas/template.ts';
import type { Side } from '../../schemas/value.ts';
import { trimInvisible } from '../canonical/text.ts';
import { joinedLens } from './joined.ts';
import type { Parts } from './joined.ts';

export interface TemplateLens {
  /** The side whose one field gets the text. */
  readonly filledSide: Side;
  readonly filled: string;
  readonly template: Template;
  /** The template's fields, on the other side. */
  readonly fields: readonly string[];
  /** Longest text by field, in code points. */
  readonly maxLength: ReadonlyMap<string, number>;
}

export function templateLens({ filledSide, filled, template, fields, maxLength }: TemplateLens): Lens {
  const isOneWay = notInvertible(template) !== null;
  const tidyWhole = (text: string): string => trimInvisible(text.normalize('NFC'));
  const render = (parts: Parts): string | null => {
    const text = rendered(template, valuesOf(fields, parts));
    return text === null ? null : tidyWhole(text) || null;
  };
  return joinedLens({
    name: filled, wholeSide: filledSide, whole: filled, parts: fields, maxLength, tidyWhole,
    tidyPart: (text) => text,
    listed: (items) => items.join(', '),
    join: render,
    split: (text) => {
      if (isOneWay) return 'one_way';
      const found = parsed(template, text);
      const parts = fields.map((field) => found?.get(field) ?? null);
      return found && render(parts) === text ? parts : 'template';
    },
  });
}

type FieldValues = ReadonlyMap<string, string>;

/** Only of fields that have a value. */
function valuesOf(fields: readonly string[], parts: Parts): FieldValues {
  return new Map(fields.flatMap((field, index) => {
    const part = parts[index] ?? null;
    return part === null ? [] : [[field, part] as const];
  }));
}

function rendered(template: Template, values: FieldValues): string | null {
  if (values.size === 0) return null;
  return template.map((part) => {
    if (part.kind !== 'section') return renderedPart(part, values);
    return part.parts.some((inner) => inner.kind === 'field' && values.has(inner.name)) ? part.parts.map((inner) => renderedPart(inner, values)).join('') : '';
  }).join('');
}

function renderedPart(part: TemplatePart, values: FieldValues): string {
  return part.kind === 'text' ? part.text : values.get(part.name) ?? '';
}

/** The values that an invertible template finds in a text; null where its text is not there. */
function parsed(template: Template, text: string): FieldValues | null {
  const found = new Map<string, string>();
  let from = 0;
  let open: string | null = null;
  for (const part of partsIn(template, text)) {
    if (part.kind === 'field') {
      open = part.name;
      continue;
    }
    const at = open === null ? (text.startsWith(part.text, from) ? from : -1) : text.indexOf(part.text, from);
    if (at < 0) return null;
    if (open !== null) note(found, open, text.slice(from, at));
    open = null;
    from = at + part.text.length;
  }
  if (open === null) return from === text.length ? found : null;
  note(found, open, text.slice(from));
  return found;
}

/** The parts that the text has: of those in brackets, the ones whose first words stand in it. */
function partsIn(template: Template, text: string): readonly TemplatePart[] {
  return template.flatMap((part) => {
    if (part.kind !== 'section') return part;
    const [first] = part.parts;
    return first?.kind === 'text' && text.includes(first.text) ? part.parts : [];
  });
}

function note(found: Map<string, string>, field: string, value: string): void {
  const trimmed = trimInvisible(value);
  if (trimmed !== '') found.set(field, trimmed);
}
