/** What the two systems show, under the names of mappings. */
import type { ContactPatch } from '../../connectors/bevatel/contact-api.ts';
import type { Properties } from '../../connectors/hubspot/sandbox/model.ts';
import type { Image, Value } from '../../schemas/value.ts';
import { REFERENCE_FIELD } from '../schedule/groups.ts';

export function imageOfFields({ custom, ...fields }: ContactPatch): Image {
  const all = [...Object.entries(fields), ...Object.entries(custom ?? {}).map(([name, value]) => [`custom.${name}`, value] as const)];
  return Object.fromEntries(all.flatMap(([name, value]): [string, Value][] => (value === undefined ? [] : [[name, value]])));
}

export function imageOfProperties(properties: Properties): Image {
  return Object.fromEntries(Object.entries(properties).filter(([name]) => name !== REFERENCE_FIELD).map(([name, value]): [string, Value] => [name, value === '' ? null : value]));
}
