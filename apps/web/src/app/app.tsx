import { useEffect, useState, useSyncExternalStore } from "react";
import { fetchDeployment, type Deployment } from "./deployment.ts";
import { savedIdentity } from "./identity.ts";
import { Notice } from "./notice.tsx";
import { SignIn } from "./sign-in.tsx";
import { Workspace } from "./workspace.tsx";

type Loading = { step: "loading" } | { step: "failed"; reason: string } | { step: "loaded"; deployment: Deployment };

/** The page: finds out what it talks to, signs in, shows the workspace. */
export function App() {
  const [loading, setLoading] = useState<Loading>({ step: "loading" });
  const identity = useSyncExternalStore(savedIdentity.subscribe, savedIdentity.get);
  useEffect(() => {
    fetchDeployment().then(
      (deployment) => setLoading({ step: "loaded", deployment }),
      (error: unknown) => setLoading({ step: "failed", reason: String(error) }),
    );
  }, []);
  switch (loading.step) {
    case "loading":
      return <Notice>Loading…</Notice>;
    case "failed":
      return <Notice urgent>{loading.reason} Reload the page once the web server is up.</Notice>;
    case "loaded":
      if (identity === null) return <SignIn available={loading.deployment.devTokens} />;
      return (
        // Anew for somebody else: nothing of one person's page is another's.
        <Workspace
          key={`${identity.tenant}/${identity.subject}`}
          deployment={loading.deployment}
          identity={identity}
          onSignOut={() => savedIdentity.set(null)}
        />
      );
  }
}
