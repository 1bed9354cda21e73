import assert from 'node:assert/strict'
import { test } from 'node:test'
import { pushFault } from './push.ts'

const remote = { url: 'https://me@git.example.io/team/claims.git', ref: null }
const rejected = (why: string, ...said: string[]) =>
  [
    `!\t${'a'.repeat(40)}:refs/heads/bot\t[remote rejected] (${why})`,
    'Done',
    ...said.map((line) => `remote: ${line}        `),
    "error: failed to push some refs to 'https://git.example.io/team/claims.git'",
  ].join('\n')

/** As servers put it. */
const cases: readonly (readonly [text: string, why: string, lasts: boolean])[] = [
  [rejected('protected branch hook declined', 'error: GH006: Protected branch update failed'), 'forbidden', true],
  [rejected('push declined due to repository rule violations', 'error: GH013: Rule violations'), 'forbidden', true],
  [
    rejected('pre-receive hook declined', 'GitLab: You are not allowed to force push code to a protected branch'),
    'forbidden',
    true,
  ],
  [rejected('pre-receive hook declined', 'Gitea: Not allowed to push to protected branch main'), 'forbidden', true],
  [rejected('pre-receive hook declined', 'Forgejo: branch bot is protected from force push'), 'forbidden', true],
  [rejected('prohibited by Gerrit: not permitted: create'), 'forbidden', true],
  [rejected('pre-receive hook declined', 'no ticket'), 'forbidden', true],
  [rejected('non-fast-forward', 'error: denying non-fast-forward refs/heads/bot'), 'forbidden', true],
  [rejected('deletion prohibited'), 'forbidden', true],
  [rejected('stale info'), 'conflict', false],
  [rejected('incorrect old value provided'), 'conflict', false],
  [rejected('fetch first'), 'conflict', false],
  [rejected("cannot lock ref 'refs/heads/bot': is at 1234 but expected 5678"), 'conflict', false],
  [
    rejected('failed to update ref', "error: cannot lock ref 'refs/heads/bot': reference already exists"),
    'conflict',
    false,
  ],
  [
    rejected(
      'failed to update ref',
      "error: cannot lock ref 'refs/heads/bot': 'refs/heads/bot/x' exists; cannot create 'refs/heads/bot'",
    ),
    'invalid',
    true,
  ],
  [rejected('shallow update not allowed'), 'conflict', false],
  [rejected('missing necessary objects'), 'conflict', false],
  [rejected('branch is currently checked out', 'error: refusing to update checked out branch'), 'invalid', true],
  [
    rejected('unpacker error', 'error: insufficient permission for adding an object to repository database ./objects'),
    'forbidden',
    true,
  ],
  [rejected('unpacker error', 'fatal: unable to write file: No space left on device'), 'server-error', false],
  [
    'error: RPC failed; HTTP 413 curl 22 The requested URL returned error: 413\nfatal: the remote end hung up',
    'too-large',
    true,
  ],
  ["fatal: unable to access 'https://x/': The requested URL returned error: 403", 'forbidden', true],
  [
    "remote: This repository was archived so it is read-only.\nfatal: unable to access 'https://x/': 403",
    'forbidden',
    true,
  ],
  ["fatal: Authentication failed for 'https://x/'", 'unauthorized', true],
  ["fatal: unable to access 'https://x/': The requested URL returned error: 503", 'network', false],
  ['fatal: the remote end hung up unexpectedly', 'network', false],
  ['send-pack: unexpected disconnect while reading sideband packet', 'network', false],
  ['something that nobody has heard of', 'server-error', false],
]

test('a push that was refused is of a class, whatever the words of the server; what is unknown is tried again', () => {
  for (const [text, why, lasts] of cases) {
    const fault = pushFault(text, 'bot', remote)
    assert.deepEqual([fault.why, fault.lasts], [why, lasts], text)
    assert.match(fault.detail, /git\.example\.io/)
    assert.ok(!fault.detail.includes('me@') && fault.detail.length < 800, fault.detail)
  }
})
