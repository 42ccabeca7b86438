/**
 * The API areas that are used, each with its version in one constant (fact sheet §1: date versions replace v-numbers).
 * The hosts are the same for every account: the token decides the data centre.
 */
const OBJECTS = '/crm/v3/objects';
const PROPERTIES = '/crm/v3/properties';

export const CONTACTS_PATH = `${OBJECTS}/contacts`;
export const CONTACT_PROPERTIES_PATH = `${PROPERTIES}/contacts`;

/** Object type id of contacts, in webhooks and record links. */
export const CONTACT_TYPE_ID = '0-1';
