import * as v from 'valibot';

const stateSchema = v.object({ from: v.string() });

/** Where to go after signing in: only a path of this application, never another site or the login page. */
export function returnPath(state: unknown): string {
  const parsed = v.safeParse(stateSchema, state);
  const from = parsed.success ? parsed.output.from : '/';
  const isLocal = /^\/(?![/\\])/.test(from);
  return isLocal && !from.startsWith('/login') ? from : '/';
}
