/** Names and numbers that the demo's invented people are made of: Arabic and Latin, of several countries. */

/** One name in both scripts. */
export type Name = readonly [arabic: string, latin: string];

export const FIRST_NAMES: readonly Name[] = [
  ['محمد', 'Mohammed'], ['أحمد', 'Ahmed'], ['عبد الله', 'Abdullah'], ['عبد الرحمن', 'Abdulrahman'], ['سارة', 'Sara'], ['نورة', 'Noura'],
  ['فاطمة', 'Fatima'], ['خالد', 'Khalid'], ['يوسف', 'Yousef'], ['ريم', 'Reem'], ['لينا', 'Lina'], ['عمر', 'Omar'], ['هدى', 'Huda'],
  ['ماجد', 'Majed'], ['سلطان', 'Sultan'], ['مريم', 'Maryam'], ['طارق', 'Tariq'], ['آلاء', 'Alaa'], ['إبراهيم', 'Ibrahim'], ['ليلى', 'Layla'],
];

export const LAST_NAMES: readonly Name[] = [
  ['القحطاني', 'Al-Qahtani'], ['الحربي', 'Al-Harbi'], ['الغامدي', 'Al-Ghamdi'], ['آل سعود', 'Al Saud'], ['الزهراني', 'Al-Zahrani'],
  ['المطيري', 'Al-Mutairi'], ['حسن', 'Hassan'], ['منصور', 'Mansour'], ['الشمري', 'Al-Shammari'], ['النجار', 'Al-Najjar'],
  ['بن علي', 'Ben Ali'], ['الدوسري', 'Al-Dossari'], ['خوري', 'Khoury'], ['إسماعيل', 'Ismail'],
];

/** Given and family names that are written in Latin letters only, marks and apostrophes included. */
export const LATIN_NAMES: readonly (readonly [first: string, last: string])[] = [
  ['José', 'García'], ['Zoë', "O'Neil"], ['Jürgen', 'Müller'], ['Anaïs', 'Lefèvre'], ['Priya', 'Nair'], ['Ayşe', 'Yılmaz'],
  ['John', 'Smith'], ['Bilal', 'Khan'], ['Chloé', 'D’Souza'], ['Ravi', 'Iyer'],
];

export const COMPANIES = [
  'شركة النور للتجارة', 'Riyadh Coffee Co.', 'مؤسسة الأفق (جدة)', 'Gulf Logistics LLC', 'متجر زهرة 🌷', 'Najd Systems', 'Dar Al-Shifa | دار الشفاء', 'Blue Dune & Sons',
] as const;

export const JOB_TITLES = ['Sales Manager', 'مدير المشتريات', 'Owner', 'Accountant', 'مهندسة', 'Customer Care 24/7'] as const;

export const LANGUAGES = ['ar', 'en', 'fr', 'ur', 'hi', 'tr'] as const;

export interface NumberPlan {
  readonly countryCode: string;
  /** What a mobile number begins with, after the country code. */
  readonly prefixes: readonly string[];
  /** Digits that follow the prefix. */
  readonly digits: number;
  /** Out of a hundred people. */
  readonly share: number;
}

/** Mobile numbers that their countries' plans assign. */
export const NUMBER_PLANS: readonly NumberPlan[] = [
  { countryCode: '966', prefixes: ['50', '53', '54', '55', '56', '59'], digits: 7, share: 62 },
  { countryCode: '971', prefixes: ['50', '52', '55', '56'], digits: 7, share: 10 },
  { countryCode: '20', prefixes: ['10', '11', '12'], digits: 8, share: 8 },
  { countryCode: '965', prefixes: ['501', '502', '503'], digits: 5, share: 4 },
  { countryCode: '962', prefixes: ['79'], digits: 7, share: 4 },
  { countryCode: '44', prefixes: ['74001', '74002'], digits: 5, share: 4 },
  { countryCode: '91', prefixes: ['98123', '98124'], digits: 5, share: 4 },
  { countryCode: '33', prefixes: ['61', '62'], digits: 7, share: 4 },
];
