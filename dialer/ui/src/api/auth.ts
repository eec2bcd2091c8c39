import * as v from 'valibot';
import { request } from './client';
import { resetSchema, signInSchema, userSchema, type SignIn, type User } from './schemas';

export interface Credentials {
  email: string;
  password: string;
}

export function login(credentials: Credentials): Promise<SignIn> {
  return request('/api/auth/login', { method: 'POST', body: credentials, schema: signInSchema });
}

export interface NewPassword {
  /** Of the reset link: it says whose password this is. */
  token: string;
  password: string;
}

/** Uses a reset link up. Every session of its account ends, and none begins. */
export async function resetPassword(chosen: NewPassword): Promise<void> {
  await request('/api/auth/reset', { method: 'POST', body: chosen, schema: resetSchema });
}

export function fetchProfile(token: string, signal?: AbortSignal): Promise<User> {
  return request('/api/auth/profile', { token, signal, schema: userSchema });
}

/** Ends the session at the server. The answer's body does not matter. */
export async function logout(token: string): Promise<void> {
  await request('/api/auth/logout', { method: 'POST', token, keepalive: true, schema: v.unknown() });
}
