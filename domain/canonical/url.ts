/** Web addresses: http or https, absolute, without credentials, as the URL standard writes them. Reason `url`. */
import type { Value } from '../../schemas/value.ts';
import { invalid, valid } from './form.ts';
import type { Canonical } from './form.ts';
import { canonicalText } from './text.ts';

export function canonicalUrl(value: Value): Canonical {
  const text = canonicalText(value);
  if (!text.ok || text.value === null) return text;
  const url = URL.parse(String(text.value));
  const usable = url !== null && (url.protocol === 'https:' || url.protocol === 'http:') && url.username === '' && url.password === '';
  return usable ? valid(url.href) : invalid('url');
}
