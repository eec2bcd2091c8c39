import type { ReactNode, Ref } from 'react';
import styles from './FrontPage.module.css';
import { Logo } from './Logo';
import { ServiceLine } from './ServiceLine';

interface FrontPageProps {
  /** Also what the browser's tab is called. */
  heading: string;
  hint: string;
  children: ReactNode;
  /** For pages that come in place of what had the focus. */
  headingRef?: Ref<HTMLHeadingElement>;
}

/** What surrounds the pages that need no session: the brand beside a form, and below it how the service is. */
export function FrontPage({ heading, hint, children, headingRef }: FrontPageProps) {
  return (
    <div className={styles.page}>
      <title>{`${heading} · Crokodial`}</title>
      <header className={styles.brand}>
        <Logo size="large" />
        <p className={styles.claim}>Never let a lead slip away.</p>
        <p className={styles.sub}>Leads, dispositions and follow-ups of your sales team, in one place.</p>
        <Scales />
      </header>
      <main className={styles.main}>
        <div className={styles.box}>
          <div>
            <h1 className={styles.heading} ref={headingRef} tabIndex={-1}>
              {heading}
            </h1>
            <p className={styles.hint}>{hint}</p>
          </div>
          {children}
          <ServiceLine />
        </div>
      </main>
    </div>
  );
}

/** A crocodile's back, as decoration. */
function Scales() {
  return (
    <svg className={styles.scales} aria-hidden="true">
      <defs>
        <pattern id="scales" width="56" height="64" patternUnits="userSpaceOnUse">
          <path d="M28 2 54 16v20L28 50 2 36V16z" />
          <path d="M0 34 26 48v20L0 82l-26-14V48zM56 34l26 14v20L56 82 30 68V48zM0-30l26 14V4L0 18-26 4v-20zM56-30l26 14V4L56 18 30 4v-20z" />
        </pattern>
      </defs>
      <rect width="100%" height="100%" fill="url(#scales)" />
    </svg>
  );
}
