/**
 * Templates: text with fields of the other side in it, `"{contact_first_name}[ – {company_name}]"`.
 *
 * What stands in square brackets is left out when none of its fields has a value. A brace or bracket that is meant as
 * text is doubled. A template can be read backwards where text stands between any two of its fields, each field stands
 * once, and each bracketed part begins with text.
 */

export type TemplatePart = { readonly kind: 'text'; readonly text: string } | { readonly kind: 'field'; readonly name: string };
/** Several parts in one place are an optional section. */
export type Template = readonly (TemplatePart | { readonly kind: 'section'; readonly parts: readonly TemplatePart[] })[];

export type TemplateReading = { readonly ok: true; readonly template: Template } | { readonly ok: false; readonly fault: string };

const TOKEN = /\{\{|\}\}|\[\[|\]\]|\{([^{}[\]]*)\}|[[\]{}]|[^[\]{}]+/gu;

export function readTemplate(text: string): TemplateReading {
  const template: Template[number][] = [];
  let section: TemplatePart[] | null = null;
  for (const [token, name] of text.matchAll(TOKEN)) {
    if (name === undefined && (token === '{' || token === '}')) return { ok: false, fault: 'has a brace without its partner' };
    if (name?.trim() === '') return { ok: false, fault: 'has a field without a name' };
    if (name !== undefined) (section ?? template).push({ kind: 'field', name: name.trim() });
    else if (token === '[' && section) return { ok: false, fault: 'has brackets within brackets' };
    else if (token === '[') section = [];
    else if (token === ']' && !section) return { ok: false, fault: 'has a bracket without its partner' };
    else if (token === ']') {
      if (!section?.some((part) => part.kind === 'field')) return { ok: false, fault: 'has brackets without a field in them' };
      template.push({ kind: 'section', parts: section });
      section = null;
    } else addText(section ?? template, /^[[\]{}]{2}$/u.test(token) ? token.charAt(0) : token);
  }
  if (section) return { ok: false, fault: 'has a bracket without its partner' };
  return template.length === 0 ? { ok: false, fault: 'is empty' } : { ok: true, template };
}

function addText(parts: Template[number][], text: string): void {
  const last = parts.at(-1);
  if (last?.kind === 'text') parts[parts.length - 1] = { kind: 'text', text: last.text + text };
  else parts.push({ kind: 'text', text });
}

/** The fields of a template in their order, each once; none of a text that is no template. */
export function templateFields(text: string): readonly string[] {
  const reading = readTemplate(text);
  return reading.ok ? [...new Set(allParts(reading.template).flatMap((part) => (part.kind === 'field' ? [part.name] : [])))] : [];
}

/** Why a template cannot be read backwards; null where it can. */
export function notInvertible(template: Template): string | null {
  const parts = allParts(template);
  const names = parts.flatMap((part) => (part.kind === 'field' ? [part.name] : []));
  if (new Set(names).size !== names.length) return 'a field stands in it twice';
  if (template.some((part) => part.kind === 'section' && part.parts[0]?.kind !== 'text')) return 'a part in brackets does not begin with text';
  return parts.some((part, index) => part.kind === 'field' && parts[index + 1]?.kind === 'field') ? 'two of its fields have no text between them' : null;
}

function allParts(template: Template): readonly TemplatePart[] {
  return template.flatMap((part) => (part.kind === 'section' ? part.parts : [part]));
}
