/** The reporter that run-vitest.ts adds: writes what it needs for its last lines to the file that HEARTH_TEST_REPORT names. */
import { writeFileSync } from 'node:fs';
import { relative } from 'node:path';
import type { Reporter, TestCase, TestModule } from 'vitest/node';

export interface TestReport {
  readonly passed: number;
  /** By their full names, with the first line of what each said. What fails as a whole has the name of its file or group. */
  readonly failedTests: readonly { readonly name: string; readonly message: string }[];
  /** What passed only when it was tried again, with the first line of what it said before. It counts as passed. */
  readonly secondTry: readonly { readonly name: string; readonly message: string }[];
  readonly skipped: readonly { readonly name: string; readonly reason: string | undefined }[];
  readonly files: readonly { readonly path: string; readonly tookMs: number }[];
}

/** Why a test was skipped: what it gave to `context.skip`, or `(skipped: why)` in its name or the name of its group. */
export function skipReason(fullName: string, note: string | undefined): string | undefined {
  return note ?? /\(skipped: (.+?)\)(?: >|$)/.exec(fullName)?.[1];
}

/** A group that fails before its tests is a failure of its own; its tests only did not come to it. */
function hasFailedGroup(test: TestCase): boolean {
  for (let group = test.parent; ; group = group.parent) {
    if (group.errors().length > 0) return true;
    if (group.type === 'module') return false;
  }
}

function skippedTest(test: TestCase): TestReport['skipped'][number] {
  const result = test.result();
  if (hasFailedGroup(test)) return { name: test.fullName, reason: 'what prepares its group failed' };
  const name = test.fullName.replace(/ \(skipped: .+?\)(?= >|$)/, '');
  return { name, reason: skipReason(test.fullName, result.state === 'skipped' ? result.note : undefined) };
}

function firstLine(errors: readonly { readonly message: string }[] | undefined): string {
  return errors?.[0]?.message.split('\n', 1)[0] ?? '';
}

/**
 * Counts of one run, with the reason of every test that did not run. A file or group that fails as a whole (it does not load, a hook
 * throws) counts as one failure, and so does each error outside any test.
 */
export function reportOf(
  modules: readonly TestModule[],
  unhandledErrors: readonly { readonly message: string }[],
  root: string,
): TestReport {
  const tests = modules.flatMap((module) => [...module.children.allTests()]);
  const inState = (...states: readonly string[]) => tests.filter((test) => states.includes(test.result().state));
  const failedGroups = modules
    .flatMap((module) => [module, ...module.children.allSuites()])
    .filter((group) => group.errors().length > 0);
  const failedTests = [
    ...inState('failed').map((test) => ({ name: test.fullName, message: firstLine(test.result().errors) })),
    ...failedGroups.map((group) => ({
      name: group.type === 'module' ? relative(root, group.moduleId) : group.fullName,
      message: firstLine(group.errors()),
    })),
    ...unhandledErrors.map((error) => ({ name: 'outside of any test', message: firstLine([error]) })),
  ];
  return {
    passed: inState('passed').length,
    failedTests,
    secondTry: tests
      .filter((test) => test.diagnostic()?.flaky === true)
      .map((test) => ({ name: test.fullName, message: firstLine(test.result().errors) })),
    skipped: inState('skipped', 'pending').map(skippedTest),
    files: modules.map((module) => ({
      path: relative(root, module.moduleId),
      tookMs: module.diagnostic().duration,
    })),
  };
}

export default class TestReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly { readonly message: string }[]): void {
    const path = process.env['HEARTH_TEST_REPORT'];
    if (path !== undefined) writeFileSync(path, JSON.stringify(reportOf(modules, unhandledErrors, process.cwd())));
  }
}
