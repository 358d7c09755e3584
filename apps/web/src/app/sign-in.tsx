import { useId, useState, type FormEvent } from "react";
import { fetchToken, savedIdentity } from "./identity.ts";
import { NameField } from "./name-field.tsx";
import { Notice } from "./notice.tsx";

/** Signs in with a development token: who you are is what you say. */
export function SignIn({ available }: { available: boolean }) {
  const [subject, setSubject] = useState("ada");
  const [tenant, setTenant] = useState("acme");
  const [failure, setFailure] = useState<string>();
  const [busy, setBusy] = useState(false);
  const title = useId();

  function submit(event: FormEvent) {
    event.preventDefault();
    const identity = { subject, tenant };
    setBusy(true);
    setFailure(undefined);
    fetchToken(identity).then(
      () => savedIdentity.set(identity),
      (error: unknown) => {
        setBusy(false);
        setFailure(error instanceof Error ? error.message : String(error));
      },
    );
  }

  if (!available) {
    return (
      <Notice urgent>
        This server gives no development tokens, and the page has no other way to sign in. Set HOLDFAST_DEV_TOKENS=true
        on a machine of your own.
      </Notice>
    );
  }
  return (
    <main className="sign-in">
      <form className="card" onSubmit={submit} aria-labelledby={title}>
        <h1 id={title}>Holdfast</h1>
        <p>Talk to an agent, then break what it stands on. Choose who you are; nothing is checked in development.</p>
        <NameField label="Your name" value={subject} onChange={setSubject} autoComplete="username" />
        <NameField label="Organisation" value={tenant} onChange={setTenant} autoComplete="organization" />
        <button className="primary" type="submit" disabled={busy}>
          {busy ? "Signing in…" : "Sign in"}
        </button>
        <p role="alert" className="failure">
          {failure}
        </p>
      </form>
    </main>
  );
}
