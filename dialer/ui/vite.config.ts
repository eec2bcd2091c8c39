import react from '@vitejs/plugin-react';
import { defineConfig } from 'vitest/config';

// The dialer's default port; one variable says otherwise, the same one the server reads.
const apiPort = process.env.PORT ?? '3005';

export default defineConfig({
  plugins: [react()],
  server: {
    host: '127.0.0.1',
    proxy: { '/api': { target: `http://127.0.0.1:${apiPort}` } },
  },
  build: {
    // The page is served under `default-src 'self'`: a data: URI would be refused by the browser.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    sourcemap: false,
    reportCompressedSize: false,
  },
  test: {
    globals: true,
    environment: 'jsdom',
    setupFiles: ['src/test/setup.ts'],
    include: ['src/**/*.test.{ts,tsx}', 'scripts/**/*.test.ts'],
    css: { modules: { classNameStrategy: 'non-scoped' } },
    restoreMocks: true,
  },
});
