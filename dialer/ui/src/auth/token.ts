import * as v from 'valibot';

const claimsSchema = v.object({ exp: v.pipe(v.number(), v.finite()) });

/**
 * When a JSON Web Token ends, in milliseconds since the epoch, or `null` if it is not a token with an end.
 * The signature is the server's business: this only spares the user a request that would be refused.
 */
export function tokenExpiry(token: string): number | null {
  const parts = token.split('.');
  const payload = parts[1];
  if (parts.length !== 3 || !payload) {
    return null;
  }
  try {
    const base64 = payload.replaceAll('-', '+').replaceAll('_', '/');
    const bytes = Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
    const claims: unknown = JSON.parse(new TextDecoder().decode(bytes));
    const parsed = v.safeParse(claimsSchema, claims);
    return parsed.success ? parsed.output.exp * 1000 : null;
  } catch {
    return null;
  }
}
