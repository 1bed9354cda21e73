/** What a push that did not go through says of itself, by class: every server puts it in words of its own. */
import { lastWord, remoteFault, type Fault, type Trouble } from './failure.ts'
import { shownUrl, type GitRemote } from './remote.ts'

interface Class {
  readonly says: RegExp
  readonly means: string
  readonly why: Trouble
  readonly lasts: boolean
}

/**
 * git's receive-pack 2.30–2.50, Gitea, GitLab, GitHub, Gerrit and their hooks. The first that matches counts. That the
 * branch has moved is not read off here: whoever pushes looks at it again, whatever the server said.
 */
const classes: readonly Class[] = [
  {
    says: /No space left on device|quota exceeded/i,
    means: 'no space is left where the repository is; make room there',
    why: 'server-error',
    lasts: false,
  },
  {
    says: /protected branch|branch is protected|protected from|GH006|GH013|not allowed to (?:force.)?push|TF402455|prohibited by|rule violation/i,
    means: 'the branch is protected against this account; allow it to push there, or choose another branch',
    why: 'forbidden',
    lasts: true,
  },
  {
    says: /archived|mirror repository|read[- ]only (?:repository|mode|file)|repository is (?:locked|disabled)/i,
    means: 'the repository takes no changes at present',
    why: 'forbidden',
    lasts: true,
  },
  {
    says: /checked out|work tree is/i,
    means:
      'the branch is the one that somebody works on in that folder; push to a bare repository, or choose another branch',
    why: 'invalid',
    lasts: true,
  },
  {
    says: /exists; cannot create|directory\/file conflict|\(funny refname\)|refname conflict/i,
    means:
      'another branch is in the way, for one name is the beginning of the other; remove it, or choose another name',
    why: 'invalid',
    lasts: true,
  },
  {
    says: /shallow update not allowed|missing (?:necessary|required) objects|did not send all necessary/i,
    means: 'the commit that it follows is no longer there; made anew from what is',
    why: 'conflict',
    lasts: false,
  },
  {
    says: /cannot lock ref|unable to (?:lock|resolve reference)|\.lock'|Another git process|incorrect old value|but expected|stale info|fetch first|reference already exists|failed to update ref|failed to lock|concurrent|try again/i,
    means:
      'another writer is at the branch; tried again by itself. Should that last, a git that was killed there may have left a file that ends in .lock: remove it when no git runs',
    why: 'conflict',
    lasts: false,
  },
  {
    says: /non-fast-forward|denying non-fast|force.push|rewind/i,
    means:
      'the repository takes no branch that leaves its own history; allow it for this branch (receive.denyNonFastForwards)',
    why: 'forbidden',
    lasts: true,
  },
  {
    says: /deletion prohibited|denying ref deletion|refusing to delete|delet(?:e|ion of) the (?:default|current) branch/i,
    means: 'the repository lets nobody remove this branch; allow it (receive.denyDeletes), or remove it by hand',
    why: 'forbidden',
    lasts: true,
  },
  {
    says: /exceeds? (?:the )?(?:maximum|limit|file size|GitHub)|too large|returned error: 413|larger than/i,
    means: 'the server takes no change of this size; raise its limit',
    why: 'too-large',
    lasts: true,
  },
  {
    says: /insufficient permission|unable to create temporary|Permission denied$|permission denied for|unable to write|not authorized|access denied|returned error: 40[13]|(?:service|http\.receivepack|receive-pack) not (?:enabled|permitted)/im,
    means: 'no right to write there; give the account, or the user that this runs as, the right to push',
    why: 'forbidden',
    lasts: true,
  },
  {
    says: /hook declined|rejected by (?:the )?hook|declined by/i,
    means: 'a hook of the repository refuses it; look at what it wants',
    why: 'forbidden',
    lasts: true,
  },
]

/** `text` is what git said on both its outputs, redacted. */
export function pushFault(text: string, branch: string, remote: GitRemote): Fault {
  const found = classes.find(({ says }) => says.test(text))
  if (found === undefined) {
    const told = remoteFault(text, remote)
    if (told !== null) return told
  }
  const { means, why, lasts } = found ?? unknown
  const detail = `${shownUrl(remote.url)}: the push to ${branch} was refused: ${means} (git: ${wordsOf(text)})`
  return { detail, why, lasts }
}

/** Better tried again for nothing than given up for good. */
const unknown = {
  means: 'for a reason that is not known here; tried again by itself',
  why: 'server-error',
  lasts: false,
} as const satisfies Omit<Class, 'says'>

/** What stands for the branch, and before it what the server or its hook said. */
function wordsOf(text: string): string {
  const status = /^!\t.*?\t(.*)$/m.exec(text)?.[1]
  const said = text
    .split('\n')
    .filter((line) => line.startsWith('remote:'))
    .map((line) => line.slice('remote:'.length).trim())
    .filter((line) => line !== '')
  const told = [...(status === undefined ? [lastWord(text)] : [status]), ...said].join('; ')
  return told.length > 300 ? `${told.slice(0, 299)}…` : told
}
