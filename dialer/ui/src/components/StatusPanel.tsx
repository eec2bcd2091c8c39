import { describeError } from '../api/error';
import type { Health } from '../api/health';
import { Button } from './Button';
import { formatDuration } from '../duration';
import { Notice } from './Notice';
import styles from './StatusPanel.module.css';
import { useHealth } from './useHealth';

/** The dialer's own report on itself, renewed while the page is open. */
export function StatusPanel() {
  const { data, error, isPending, refetch, isFetching } = useHealth();
  return (
    <section className={styles.panel} aria-labelledby="status-heading" aria-busy={isPending}>
      <div className={styles.head}>
        <h2 id="status-heading" className={styles.heading}>
          System status
        </h2>
        <Verdict health={error === null ? data : undefined} failed={error !== null} />
      </div>
      {error !== null && (
        <Notice tone="error" title="The status is not known">
          <p>
            {describeError(error)}
            {data !== undefined && ' Below is what was last known.'}
          </p>
          <Button variant="secondary" busy={isFetching} onClick={() => void refetch()}>
            Check again
          </Button>
        </Notice>
      )}
      {error === null && data?.healthy === false && (
        <Notice tone="warning" title="Some of Crokodial is not working">
          <p>{data.reason ?? 'The server reports that it is not ready. It keeps trying by itself.'}</p>
        </Notice>
      )}
      <Facts health={data} stale={error !== null} />
    </section>
  );
}

function Verdict({ health, failed }: { health: Health | undefined; failed: boolean }) {
  const [tone, text] = failed
    ? (['down', 'Unreachable'] as const)
    : health === undefined
      ? (['unknown', 'Checking…'] as const)
      : health.healthy
        ? (['up', 'Operational'] as const)
        : (['degraded', 'Degraded'] as const);
  return (
    <span
      className={`${styles.verdict} ${styles[tone]}`}
      role="status"
      data-testid="health-verdict"
      data-state={tone}
    >
      <span className={styles.dot} aria-hidden="true" />
      {text}
    </span>
  );
}

function Facts({ health, stale }: { health: Health | undefined; stale: boolean }) {
  const facts: { name: string; value: string | undefined; testId: string }[] = [
    { name: 'Version', value: health?.version, testId: 'health-version' },
    { name: 'Database', value: health && capitalise(health.database), testId: 'health-database' },
    {
      name: 'Uptime',
      value: health?.uptimeSeconds === undefined ? undefined : formatDuration(health.uptimeSeconds),
      testId: 'health-uptime',
    },
  ];
  return (
    <dl className={`${styles.facts} ${stale ? styles.stale : ''}`}>
      {facts.map(({ name, value, testId }) => (
        <div key={name} className={styles.fact}>
          <dt>{name}</dt>
          <dd data-testid={testId}>
            {health === undefined && !stale ? (
              <span className={styles.skeleton}>
                <span className={styles.hidden}>Loading</span>
              </span>
            ) : (
              (value ?? 'Unknown')
            )}
          </dd>
        </div>
      ))}
    </dl>
  );
}

function capitalise(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
