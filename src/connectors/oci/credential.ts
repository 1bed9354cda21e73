/** What a registry, or the server that gives out its tokens, lets somebody in with. Never logged, never part of a message. */
export type Credential =
  | { readonly username: string; readonly password: string }
  /** A refresh token, as `docker login` keeps it for some registries: exchanged for access tokens (OAuth2). */
  | { readonly identityToken: string }
  /** An access token: sent to the registry itself as it is. */
  | { readonly registryToken: string }

/**
 * Finds the credential for a repository; null: ask without one. `host` is as in the configuration
 * (`registry.example.io:5000`), Docker Hub always `docker.io`; `repository` is without the host, on Docker
 * Hub with `library/`. Asked again whenever a token is due or was refused, so that a changed one counts.
 */
export type Credentials = (host: string, repository: string) => Promise<Credential | null>

export const anonymous: Credentials = () => Promise.resolve(null)
