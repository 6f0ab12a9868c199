import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { preloadsOf, usualModules } from './preloaded-modules.ts';

test('the usual modules, none, or those that are named', () => {
  expect(preloadsOf('standard')).toBe(usualModules);
  expect(preloadsOf('none')).toEqual([]);
  expect(preloadsOf('json, xml.sax,json')).toEqual(['json', 'xml.sax']);
});

test('the usual modules are of the standard library, can be imported, print nothing and start no thread', () => {
  const program = `import importlib, sys, threading
for name in sys.argv[1:]:
    assert name.partition(".")[0] in getattr(sys, "stdlib_module_names", [name.partition(".")[0]]), name
    importlib.import_module(name)
assert threading.active_count() == 1
assert "zoneinfo" not in sys.modules
sys.exit(0 if len(sys.modules) >= 200 else "only %d" % len(sys.modules))`;
  const said = execFileSync('/usr/bin/python3', ['-I', '-c', program, ...usualModules], { encoding: 'utf8' });
  expect(said).toBe('');
  expect(new Set(usualModules).size).toBe(usualModules.length);
});
