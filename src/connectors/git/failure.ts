/** What git says on stderr → one error that says what is wrong and what to do next. */
import { AppError } from '../../kernel/errors.ts'
import { shownUrl, type GitRemote } from './remote.ts'

/** git could not be made to do it, and the fault may lie in the local copy. */
export class BrokenRepository extends Error {}

/** What is wrong, as far as it can be told. */
export interface Fault {
  /** What is wrong and what to do next; no secret. */
  readonly detail: string
  readonly why: Trouble
  /** It will not go better until somebody changes something. */
  readonly lasts: boolean
}

export type Trouble =
  | 'unauthorized'
  | 'forbidden'
  | 'not-found'
  | 'invalid'
  | 'conflict'
  | 'server-error'
  | 'network'
  | 'timed-out'
  | 'too-large'

interface Known {
  readonly says: RegExp
  readonly means: (remote: GitRemote) => string
  readonly why: Trouble
  readonly lasts: boolean
}

/** How git and the programs it uses put it (LC_ALL=C; git 2.31–2.50, curl, OpenSSH). The first that matches counts. */
const known: readonly Known[] = [
  {
    says: /No space left on device|Disk quota exceeded/,
    means: () => 'no space is left in the state folder for the copy of the repository; make room there',
    why: 'invalid',
    lasts: false,
  },
  {
    says: /Host key verification failed|host key is known/,
    means: () => 'the host key is not known or has changed; put the right one into the file that known_hosts names',
    why: 'invalid',
    lasts: true,
  },
  {
    says: /Permission denied \(|Load key .*|no mutual signature/,
    means: ({ ssh }) =>
      ssh?.key === undefined
        ? 'the server takes none of our ssh keys; give one as ssh_key'
        : 'the server does not take the key, or the key cannot be read; look at ssh_key and at who may read it',
    why: 'unauthorized',
    lasts: true,
  },
  {
    says: /Authentication failed|could not read (?:Username|Password)|returned error: 40[13]|HTTP Basic: Access denied/,
    means: ({ login }) =>
      login === undefined
        ? 'the server asks for credentials; give a token, or username and password'
        : 'the server refuses the credentials; look at the token or at username and password',
    why: 'unauthorized',
    lasts: true,
  },
  {
    says: /returned error: 30\d|redirect/i,
    means: () => 'the server says that the repository is elsewhere, where credentials are not taken; put the new url',
    why: 'invalid',
    lasts: true,
  },
  {
    says: /SSL certificate|certificate verif|server certificate|SSL_ERROR|gnutls_handshake|unable to set .*CA|error setting certificate/i,
    means: () => 'its certificate cannot be verified; name the PEM file of its authority as ca',
    why: 'invalid',
    lasts: true,
  },
  {
    says: /returned error: 404|[Rr]epository .*not found|does not appear to be a git repository|does not exist|not a git repository/,
    means: () => 'no repository is there, or none that these credentials may see; look at the url',
    why: 'not-found',
    lasts: true,
  },
  {
    says: /dubious ownership|unsafe repository/,
    means: () => 'the folder belongs to another user and git does not read it; run as that user, or use a remote url',
    why: 'forbidden',
    lasts: true,
  },
  {
    says: /couldn't find remote ref|not our ref|unadvertised object|Remote branch .* not found/,
    means: ({ ref }) => `the remote has no ${ref ?? 'HEAD'} to give; look at ref (a commit id must be whole)`,
    why: 'not-found',
    lasts: false,
  },
  {
    says: /transport '.*' not allowed|remote helper|is not a git command/,
    means: () => 'this kind of url is not supported',
    why: 'invalid',
    lasts: true,
  },
  {
    says: /Could not resolve|Couldn't resolve|Name or service not known|Temporary failure in name resolution/,
    means: () => 'the name of the host is not known; look at the url, or at the name service',
    why: 'network',
    lasts: false,
  },
  {
    says: /Failed to connect|Connection refused|Connection timed out|Connection reset|No route to host|Network is unreachable|Could not connect|unable to connect|Operation timed out|returned error: 5\d\d|Empty reply|hung up|early EOF|Connection closed|RPC failed|invalid server response|unexpected disconnect/,
    means: () => 'the server does not answer as it should; it is tried again by itself',
    why: 'network',
    lasts: false,
  },
]

export function unavailable(what: string, cause?: unknown): AppError {
  return new AppError('source.unavailable', what, { cause })
}

/** null: nothing that is known to lie at the other end. `text` is redacted already. */
export function remoteFault(text: string, remote: GitRemote): Fault | null {
  const found = known.find(({ says }) => says.test(text))
  if (found === undefined) return null
  const detail = `${shownUrl(remote.url)}: ${found.means(remote)} (git: ${lastWord(text)})`
  return { detail, why: found.why, lasts: found.lasts }
}

/** The line that says most: the first that is fatal or an error, else the last. */
export function lastWord(text: string): string {
  const lines = text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
  const line =
    lines.find((each) => /^(?:fatal|error|remote: (?:fatal|error)):/i.test(each)) ?? lines.at(-1) ?? 'nothing'
  return line.replace(/^fatal: /, '').slice(0, 300)
}
