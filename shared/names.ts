import { namePattern } from './ids.ts';

/** The project that is there from the start. It cannot be deleted, and its functions have no prefix. */
export const defaultProject = 'default';

/**
 * Names of functions are unique within a project. Inside the platform a function goes by its full name, which is unique:
 * `hello` in the default project, `acme/hello` in the project acme. Only this file knows how the two are put together
 * (docs/adr/0007). A name that is no name gives undefined: a slash in it must never reach into another project.
 */
export function fullNameOf(project: string, name: string): string | undefined {
  if (!namePattern.test(name)) return undefined;
  return prefixOf(project) + name;
}

/** What the full names of a project's functions begin with: nothing for the default project. */
export const prefixOf = (project: string): string => (project === defaultProject ? '' : `${project}/`);

export function projectOf(fullName: string): string {
  const slash = fullName.indexOf('/');
  return slash === -1 ? defaultProject : fullName.slice(0, slash);
}

/** As the function's own project calls it. */
export function shortNameOf(fullName: string): string {
  return fullName.slice(fullName.indexOf('/') + 1);
}

/** Where the gateway answers for a function without routes: `/hello`, or `/~acme/hello` outside of the default project. */
export function defaultPathOf(fullName: string): string {
  return fullName.includes('/') ? `/~${fullName}` : `/${fullName}`;
}
