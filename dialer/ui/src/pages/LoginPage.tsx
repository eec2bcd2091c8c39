import { FrontPage } from '../components/FrontPage';
import { LoginForm } from '../components/LoginForm';
import styles from './LoginPage.module.css';

export function LoginPage() {
  return (
    <FrontPage heading="Sign in" hint="Use the account your team gave you.">
      <LoginForm />
      <p className={styles.forgotten}>
        <strong>Forgot your password?</strong> Ask an administrator for a link to choose a new one.
      </p>
    </FrontPage>
  );
}
