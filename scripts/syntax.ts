/** Reads TypeScript as code, so that the rules of the repository see neither comments nor the insides of strings. */
import ts from 'typescript';
import type { SourceFile } from './repo-rules.ts';

/** Visits every node of the file, outermost first. */
function visit(node: ts.Node, take: (node: ts.Node) => void): void {
  take(node);
  ts.forEachChild(node, (child) => visit(child, take));
}

/**
 * The places of the files that `isBroken` says yes to, as `path:line: say`. A file without any of the `words` is not parsed, which is
 * what keeps this quick.
 */
export function findNodes(
  files: readonly SourceFile[],
  words: RegExp,
  isBroken: (node: ts.Node) => boolean,
  say: string,
): readonly string[] {
  return files.flatMap((file) => {
    if (!words.test(file.text)) return [];
    const tree = ts.createSourceFile(file.path, file.text, ts.ScriptTarget.Latest, true);
    const lines: string[] = [];
    visit(tree, (node) => {
      if (!isBroken(node)) return;
      const line = tree.getLineAndCharacterOfPosition(node.getStart(tree)).line + 1;
      lines.push(`${file.path}:${line}: ${say}`);
    });
    return lines;
  });
}

/** `process.env`, however it goes on. */
export function isEnvironment(node: ts.Node): boolean {
  return (
    ts.isPropertyAccessExpression(node) &&
    ts.isIdentifier(node.expression) &&
    node.expression.text === 'process' &&
    node.name.text === 'env'
  );
}

/** `process.env['name']` for one of the names, or `process.env` as an argument of one of the functions. */
export function isAllowedEnvironment(node: ts.Node, names: readonly string[], readers: readonly string[]): boolean {
  const { parent } = node;
  if (ts.isElementAccessExpression(parent)) {
    return ts.isStringLiteral(parent.argumentExpression) && names.includes(parent.argumentExpression.text);
  }
  return ts.isCallExpression(parent) && ts.isIdentifier(parent.expression) && readers.includes(parent.expression.text);
}

const isName = (node: ts.Node, names: readonly string[]): boolean =>
  (ts.isIdentifier(node) || ts.isStringLiteral(node)) && names.includes(node.text);

const childProcessModules = ['node:child_process', 'child_process'];

/**
 * A command line that a shell would read: `exec` or `execSync` of node:child_process (imported under any name, or as a member of the
 * whole module), or the option `shell` with anything but `false`. The `exec` of a regular expression or a database is none.
 */
export function isShellCommand(node: ts.Node): boolean {
  if (ts.isImportSpecifier(node)) {
    const module = node.parent.parent.parent.moduleSpecifier;
    return isName(module, childProcessModules) && isName(node.propertyName ?? node.name, ['exec', 'execSync']);
  }
  if (
    ts.isPropertyAccessExpression(node) &&
    ts.isIdentifier(node.expression) &&
    isName(node.name, ['exec', 'execSync'])
  ) {
    return wholeModuleNames(node.getSourceFile()).has(node.expression.text);
  }
  return (
    ts.isPropertyAssignment(node) &&
    isName(node.name, ['shell']) &&
    node.initializer.kind !== ts.SyntaxKind.FalseKeyword
  );
}

/** What the file calls node:child_process as a whole: `import * as name`, or `import name`. */
function wholeModuleNames(tree: ts.SourceFile): ReadonlySet<string> {
  const names = new Set<string>();
  for (const statement of tree.statements) {
    if (!ts.isImportDeclaration(statement) || !isName(statement.moduleSpecifier, childProcessModules)) continue;
    const clause = statement.importClause;
    if (clause?.name !== undefined) names.add(clause.name.text);
    if (clause?.namedBindings !== undefined && ts.isNamespaceImport(clause.namedBindings)) {
      names.add(clause.namedBindings.name.text);
    }
  }
  return names;
}

/** A literal status of an error: `status: 404`, `statusCode: 502`, `x.statusCode = 500`, `reply.code(409)`, `reply.status(409)`. */
export function isErrorStatus(node: ts.Node): boolean {
  const names = ['status', 'statusCode'];
  if (ts.isPropertyAssignment(node)) return isName(node.name, names) && isErrorNumber(node.initializer);
  if (ts.isBinaryExpression(node)) {
    const { left, operatorToken, right } = node;
    const isAssignment = operatorToken.kind === ts.SyntaxKind.EqualsToken;
    return isAssignment && ts.isPropertyAccessExpression(left) && isName(left.name, names) && isErrorNumber(right);
  }
  if (!ts.isCallExpression(node) || !ts.isPropertyAccessExpression(node.expression)) return false;
  const [first] = node.arguments;
  return isName(node.expression.name, ['code', 'status', 'writeHead']) && first !== undefined && isErrorNumber(first);
}

const isErrorNumber = (node: ts.Node): boolean => ts.isNumericLiteral(node) && /^[45]\d\d$/.test(node.text);
