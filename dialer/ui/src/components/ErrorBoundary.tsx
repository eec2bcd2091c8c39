import { Component, type ReactNode } from 'react';
import { Button } from './Button';
import { Notice } from './Notice';

/** The last resort: a fault of the page itself shows a way on instead of a blank screen. */
export class ErrorBoundary extends Component<{ children: ReactNode }, { failed: boolean }> {
  override state = { failed: false };

  static getDerivedStateFromError() {
    return { failed: true };
  }

  override render() {
    if (!this.state.failed) {
      return this.props.children;
    }
    return (
      <main>
        <Notice tone="error" title="This page stopped working">
          <p>Load it again; your session is kept.</p>
          <Button
            onClick={() => {
              window.location.reload();
            }}
          >
            Load again
          </Button>
        </Notice>
      </main>
    );
  }
}
