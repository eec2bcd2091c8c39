import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { App } from './App';
import { SessionStore, type TokenStorage } from './auth/session';
import './styles/global.css';

/** Merely naming localStorage throws where a policy forbids it; the session then lives in memory. */
function browserStorage(): TokenStorage {
  try {
    return window.localStorage;
  } catch {
    return { getItem: () => null, setItem: () => undefined, removeItem: () => undefined };
  }
}

const session = new SessionStore({ storage: browserStorage(), now: () => Date.now() });
window.addEventListener('storage', session.storageChanged);
document.addEventListener('visibilitychange', session.checkExpiry);

const root = document.getElementById('root');
if (root === null) {
  throw new Error('index.html has no element with the id "root"');
}
createRoot(root).render(
  <StrictMode>
    <App session={session} />
  </StrictMode>,
);
