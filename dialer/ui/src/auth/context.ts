import { createContext, use, useSyncExternalStore } from 'react';
import type { Session, SessionStore } from './session';

export const SessionContext = createContext<SessionStore | null>(null);

export function useSessionStore(): SessionStore {
  const store = use(SessionContext);
  if (store === null) {
    throw new Error('SessionContext is missing: render this inside <App>');
  }
  return store;
}

export function useSession(): Session {
  const store = useSessionStore();
  return useSyncExternalStore(store.subscribe, store.getSnapshot);
}
