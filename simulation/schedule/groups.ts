/** The fields of a schedule's mapping, as people know them: what stands for the same on both sides. No rules of the product. */

export type GroupKind = 'text' | 'phone' | 'email' | 'picklist' | 'set' | 'name';

export interface Group {
  /** As the product names it: Bevatel's fields, joined by `+`. */
  readonly name: string;
  readonly kind: GroupKind;
  readonly bevatel: readonly string[];
  readonly external: readonly string[];
}

export const GROUPS: readonly Group[] = [
  { name: 'company_name', kind: 'text', bevatel: ['company_name'], external: ['company'] },
  { name: 'phone_number', kind: 'phone', bevatel: ['phone_number'], external: ['phone'] },
  { name: 'email', kind: 'email', bevatel: ['email'], external: ['email'] },
  { name: 'custom.stage', kind: 'picklist', bevatel: ['custom.stage'], external: ['lifecycle'] },
  { name: 'tags', kind: 'set', bevatel: ['tags'], external: ['labels'] },
  { name: 'contact_first_name+contact_last_name', kind: 'name', bevatel: ['contact_first_name', 'contact_last_name'], external: ['fullname'] },
];

/** Bevatel's value → the external system's. */
export const STAGES: Readonly<Record<string, string>> = { lead: 'LEAD', customer: 'CUSTOMER', partner: 'PARTNER' };

/** The external field that holds the Bevatel contact's id. */
export const REFERENCE_FIELD = 'bevatel_contact_id';
