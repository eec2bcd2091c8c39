import { QueryClientProvider } from '@tanstack/react-query';
import { useState } from 'react';
import { BrowserRouter, Route, Routes } from 'react-router';
import { SessionContext } from './auth/context';
import { RequireNoSession, RequireSession } from './auth/guards';
import type { SessionStore } from './auth/session';
import { ErrorBoundary } from './components/ErrorBoundary';
import { Shell } from './components/Shell';
import { HomePage } from './pages/HomePage';
import { LoginPage } from './pages/LoginPage';
import { NotFoundPage } from './pages/NotFoundPage';
import { ResetPasswordPage } from './pages/ResetPasswordPage';
import { createQueryClient } from './queryClient';

export function App({ session }: { session: SessionStore }) {
  const [queryClient] = useState(() => createQueryClient(session));
  return (
    <ErrorBoundary>
      <SessionContext value={session}>
        <QueryClientProvider client={queryClient}>
          <BrowserRouter>
            <AppRoutes />
          </BrowserRouter>
        </QueryClientProvider>
      </SessionContext>
    </ErrorBoundary>
  );
}

/** The pages without the browser's router, so that tests can bring their own. */
export function AppRoutes() {
  return (
    <Routes>
      <Route
        path="/login"
        element={
          <RequireNoSession>
            <LoginPage />
          </RequireNoSession>
        }
      />
      {/* For anybody: who is signed in may have been given a link, and who opens one may be signed in. */}
      <Route path="/reset-password" element={<ResetPasswordPage />} />
      <Route
        path="/"
        element={
          <RequireSession>
            {(token) => (
              <Shell key={token} token={token}>
                {(user) => <HomePage user={user} />}
              </Shell>
            )}
          </RequireSession>
        }
      />
      <Route path="*" element={<NotFoundPage />} />
    </Routes>
  );
}
