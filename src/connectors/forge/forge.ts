/**
 * A repository at a place where changes are proposed: GitHub, Gitea, Forgejo, or plain Git. One port, so that what
 * rolls a change forward knows none of them; testing/contract.ts holds each to it.
 *
 * A change is made from its far end: the commit first, which nobody sees, then the branch, then the request. What
 * breaks off in between leaves nothing that has to be cleared away.
 *
 * Errors: `target.unavailable` (class retry) where it may go better another time, `data` with `{ host, status?, why,
 * retryAfter? }`; `target.refused` where it will not until somebody changes something (no such repository, no right
 * to write, a protected branch). Messages name repository, step and remedy, never a secret.
 */
export interface Forge {
  /** `github.com/owner/repository`; for people. */
  readonly name: string
  /** Newest commit of a branch; null: there is no such branch. One request. */
  head(branch: string, signal: AbortSignal): Promise<string | null>
  /** A file as it is in a commit. */
  read(commit: string, path: string, signal: AbortSignal): Promise<FileRead>
  /** Makes a commit that no branch has, and answers its id. */
  commit(draft: CommitDraft, signal: AbortSignal): Promise<string>
  /**
   * Makes the branch (`from` null) or moves it, whether or not that is a fast-forward. `elsewhere`: it does not stand
   * where `from` says. After an answer that was lost it is read again before it is said to have failed.
   */
  move(branch: string, to: string, from: string | null, signal: AbortSignal): Promise<'moved' | 'elsewhere'>
  /** Removes a branch that stands at `at`; gone already is as good. */
  remove(branch: string, at: string, signal: AbortSignal): Promise<'removed' | 'elsewhere'>
  /** Names and newest commits of all branches that begin so. */
  branches(prefix: string, signal: AbortSignal): Promise<ReadonlyMap<string, string>>
  /**
   * Whether `commit` follows `earlier`, or is it. One request. Where this cannot be told, whoever rolls a change makes
   * it anew each time the base moves: a base that was moved back must not return through our branch.
   */
  follows?(commit: string, earlier: string, signal: AbortSignal): Promise<boolean>
  /** null: a place without change requests; the branch is all that there is. */
  readonly requests: ChangeRequests | null
  close(): Promise<void>
}

export type FileRead =
  /** `blob`: the same for the same bytes. */
  | { readonly is: 'file'; readonly bytes: Buffer; readonly blob: string }
  | { readonly is: 'missing' }
  /** Something else has this name. */
  | { readonly is: 'folder' | 'link' | 'submodule' }

export interface CommitDraft {
  /** The commit it follows. Everything else of it stays as it is. */
  readonly parent: string
  /** Whole contents by path; null: removed. */
  readonly files: ReadonlyMap<string, Buffer | null>
  readonly message: string
  /** Default: whoever owns the credentials. */
  readonly author?: { readonly name: string; readonly email: string }
}

/** Pull requests. */
export interface ChangeRequests {
  /** The newest request from this branch into that one, open ones first; null: there never was one. One request. */
  find(from: string, into: string, signal: AbortSignal): Promise<ChangeRequest | null>
  /** Opens one; where one is open already, that one is answered. */
  open(draft: RequestDraft, signal: AbortSignal): Promise<ChangeRequest>
  update(number: number, change: { readonly title: string; readonly body: string }, signal: AbortSignal): Promise<void>
  close(number: number, signal: AbortSignal): Promise<void>
  comment(number: number, text: string, signal: AbortSignal): Promise<void>
}

export interface ChangeRequest {
  readonly number: number
  readonly url: string
  /** `closed`: by somebody, without being merged. */
  readonly state: 'open' | 'merged' | 'closed'
  readonly title: string
  readonly body: string
}

export interface RequestDraft {
  readonly from: string
  readonly into: string
  readonly title: string
  readonly body: string
  readonly draft?: boolean
  /** What follows is done after it was opened; what cannot be done is told in `told`, and the request stays. */
  readonly labels?: readonly string[]
  readonly reviewers?: readonly string[]
  readonly autoMerge?: boolean
  readonly told?: (warning: string) => void
}
