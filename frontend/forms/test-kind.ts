/** Whether a test of a function begins as a request: it has routes, or its code exports `fetch`, or an app that has one. */
export const answersHttp = (routes: readonly unknown[], sources: readonly string[]): boolean =>
  routes.length > 0 || sources.some((source) => /^export default[^;]*\bfetch\b\s*[(:,}]/m.test(source));
