// What the linter enforces: promises are awaited, nothing is `any`, and the directions of dependencies.
// (tests/architecture.test.ts proves the directions, and that there are no cycles.)
import boundaries from 'eslint-plugin-boundaries';
import { defineConfig } from 'eslint/config';
import tseslint from 'typescript-eslint';

/** Each folder of the product and the folders that it may import from. One that is not named here may import all. */
const MAY_IMPORT = {
  schemas: [],
  domain: ['schemas'],
  connectors: ['schemas'],
  runtime: ['schemas'],
  migrations: ['schemas'],
  store: ['schemas', 'domain', 'runtime', 'migrations'],
  capture: ['schemas', 'domain', 'store', 'runtime', 'connectors'],
  reconcile: ['schemas', 'domain', 'store', 'runtime'],
  deliver: ['schemas', 'domain', 'store', 'runtime', 'connectors'],
  operate: ['schemas', 'domain', 'store', 'runtime'],
  console: ['schemas'],
};
const SERVICES = ['capture', 'reconcile', 'deliver', 'operate', 'console'];
/** Entry points wire what the parts of their service may not know. */
const WIRING = Object.keys(MAY_IMPORT).filter((folder) => !SERVICES.includes(folder));

const tests = ['**/*.test.ts'];
const readsEnvironment = ['services/*/main.ts', 'services/all.ts', 'bin/**', 'deploy/**', 'bench/**', 'tests/**', 'simulation/**', '*.config.*', ...tests];
const importsKafkaClient = ['runtime/kafka*.ts', 'deploy/local/kafka-admin.ts', ...tests];

const elements = [
  ...SERVICES.map((type) => ({ type, pattern: `services/${type}` })),
  ...Object.keys(MAY_IMPORT).filter((type) => !SERVICES.includes(type)).map((type) => ({ type, pattern: type })),
  ...['services', 'bin', 'deploy', 'bench', 'tests', 'simulation'].map((type) => ({ type, pattern: type })),
];

/** A policy that forbids `from` every folder that is not in `allowed`. */
function only(from, allowed) {
  const forbidden = elements.map(({ type }) => type).filter((type) => type !== from && !allowed.includes(type));
  return {
    from: { element: { type: from } },
    disallow: { to: { element: { types: { anyOf: forbidden } } } },
    message: `${from} imports from ${allowed.length > 0 ? allowed.join(', ') : 'no other folder'} only`,
  };
}

const policies = Object.entries(MAY_IMPORT).map(([from, allowed]) => only(from, allowed));
const wiringPolicies = SERVICES.map((service) => only(service, WIRING));

const kafkaClient = { name: 'kafkajs', message: 'Only runtime/kafka*.ts imports the Kafka client.' };
const processEnv = { name: 'node:process', importNames: ['env'], message: 'Only main.ts files read the environment.' };

export default defineConfig(
  { ignores: ['node_modules/**', '.local/**', 'coverage/**', '**/*.d.ts'] },
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.base],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      eqeqeq: ['error', 'always', { null: 'ignore' }],
      'no-var': 'error',
      'prefer-const': 'error',
      'max-lines': ['error', 400],
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_', ignoreRestSiblings: true }],
      '@typescript-eslint/consistent-type-imports': ['error', { disallowTypeAnnotations: false }],
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': ['error', { checksVoidReturn: { arguments: false } }],
      '@typescript-eslint/await-thenable': 'error',
      '@typescript-eslint/only-throw-error': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
    },
  },
  {
    files: ['**/*.ts'],
    ignores: readsEnvironment,
    rules: { 'no-restricted-properties': ['error', { object: 'process', property: 'env', message: processEnv.message }] },
  },
  { files: ['**/*.ts'], ignores: importsKafkaClient, rules: { 'no-restricted-imports': ['error', { paths: [kafkaClient, processEnv] }] } },
  {
    files: ['domain/**/*.ts'],
    ignores: tests,
    rules: {
      'no-restricted-imports': ['error', {
        paths: [kafkaClient],
        patterns: [{ regex: '^(?!\\.{1,2}/|libphonenumber-js|(?:entities|fastest-levenshtein|temporal-polyfill)$)', message: 'domain is pure: it imports schemas, itself, libphonenumber-js, entities, fastest-levenshtein and temporal-polyfill alone.' }],
      }],
      'no-restricted-globals': ['error', 'process', 'fetch', 'setTimeout', 'setInterval', 'setImmediate', 'performance', 'crypto', 'console'],
      'no-restricted-properties': ['error',
        { object: 'Date', property: 'now', message: 'The clock comes in as a parameter (I12).' },
        { object: 'Temporal', property: 'Now', message: 'The clock comes in as a parameter (I12).' },
        { object: 'Math', property: 'random', message: 'Randomness comes in as a parameter (I12).' },
      ],
    },
  },
  {
    files: ['**/*.ts'],
    ignores: tests,
    plugins: { boundaries },
    settings: {
      'boundaries/root-path': import.meta.dirname,
      'boundaries/dependency-nodes': ['import', 'export', 'dynamic-import'],
      'boundaries/elements': elements,
    },
    rules: {
      'boundaries/dependencies': ['error', { default: 'allow', policies }],
      'no-restricted-syntax': ['error', { selector: 'ExportAllDeclaration', message: 'No barrels: import from the file that defines it.' }],
    },
  },
  { files: ['services/*/main.ts'], rules: { 'boundaries/dependencies': ['error', { default: 'allow', policies: wiringPolicies }] } },
  {
    files: ['services/all.ts'],
    rules: {
      'no-restricted-imports': ['error', {
        paths: [kafkaClient],
        patterns: [{ regex: '^\\./[^/]+/(?!main\\.ts$)', message: 'services/all.ts knows the services by their main.ts alone.' }],
      }],
    },
  },
);
