import * as v from 'valibot';
import { request } from './client';
import { signInSchema, userSchema, type SignIn, type User } from './schemas';

export interface Credentials {
  email: string;
  password: string;
}

export function login(credentials: Credentials): Promise<SignIn> {
  return request('/api/auth/login', { method: 'POST', body: credentials, schema: signInSchema });
}

export function fetchProfile(token: string, signal?: AbortSignal): Promise<User> {
  return request('/api/auth/profile', { token, signal, schema: userSchema });
}

/** Ends the session at the server. The answer's body does not matter. */
export async function logout(token: string): Promise<void> {
  await request('/api/auth/logout', { method: 'POST', token, keepalive: true, schema: v.unknown() });
}
