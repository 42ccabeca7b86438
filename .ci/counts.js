// Prints "N passed, N failed, N skipped" from vitest's JSON report; exit code 1 unless something passed and
// nothing failed, neither here nor before (second argument). A file that could not be loaded counts as failed.
import { readFileSync } from 'node:fs';

const [, , file, failedBefore = '0'] = process.argv;
const { passed, failed, skipped } = count();
console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`);
process.exitCode = failed > 0 || passed === 0 || failedBefore !== '0' ? 1 : 0;

function count() {
  let report;
  try {
    report = JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    console.error(`the test runner left no report at ${file}`);
    return { passed: 0, failed: 1, skipped: 0 };
  }
  const unloaded = report.testResults.filter((result) => (
    result.status === 'failed' && !result.assertionResults.some(({ status }) => status === 'failed')
  ));
  return {
    passed: report.numPassedTests,
    failed: report.numFailedTests + unloaded.length,
    skipped: report.numPendingTests + report.numTodoTests,
  };
}
