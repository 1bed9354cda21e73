/** Answers in the shape that GitHub's OpenAPI description gives them, with all that it requires. */
import type { MemoryCommit, MemoryRequest, Tree } from '../../forge/testing/memory-repository.ts'

export type Shapes = ReturnType<typeof createShapes>

const day = '2026-11-21T00:00:00Z'

export function createShapes(api: string, name: string) {
  const [owner = ''] = name.split('/')
  const url = (path: string) => `${api}/repos/${name}/${path}`
  const html = (path: string) => `https://github.com/${name}/${path}`
  const committer = { name: 'Regista', email: 'regista@users.noreply.github.com' }
  const user = userOf(api, owner)
  const repository = repositoryOf(api, name, user)
  const verification = { verified: false, reason: 'unsigned', signature: null, payload: null, verified_at: null }

  const commit = ({ id, parents, message, author }: MemoryCommit, tree: string) => ({
    sha: id,
    node_id: `C_${id}`,
    url: url(`git/commits/${id}`),
    html_url: html(`commit/${id}`),
    author: { ...author, date: day },
    committer: { ...author, date: day },
    tree: { sha: tree, url: url(`git/trees/${tree}`) },
    message,
    parents: parents.map((sha) => ({ sha, url: url(`git/commits/${sha}`), html_url: html(`commit/${sha}`) })),
    verification,
  })

  /** As the branches and comparisons show a commit. */
  const listed = (made: MemoryCommit, at: string) => {
    const { sha, node_id, html_url, parents, message, author, committer: by, tree } = commit(made, at)
    return {
      sha,
      node_id,
      html_url,
      parents,
      url: url(`commits/${sha}`),
      comments_url: url(`commits/${sha}/comments`),
      commit: { url: url(`git/commits/${sha}`), author, committer: by, message, comment_count: 0, tree },
      author: null,
      committer: null,
    }
  }

  return {
    url,
    user,
    committer,
    commit,
    repository: { ...repository, network_count: 0, subscribers_count: 0, has_discussions: false },
    ref: (branch: string, id: string) => ({
      ref: `refs/heads/${branch}`,
      node_id: `R_${branch}`,
      url: url(`git/refs/heads/${encodeURIComponent(branch)}`),
      object: { type: 'commit', sha: id, url: url(`git/commits/${id}`) },
    }),
    branch: (branch: string, made: MemoryCommit, tree: string) => ({
      name: branch,
      commit: listed(made, tree),
      _links: { html: html(`tree/${encodeURIComponent(branch)}`), self: url(`branches/${encodeURIComponent(branch)}`) },
      protected: false,
      protection: { enabled: false },
      protection_url: url(`branches/${encodeURIComponent(branch)}/protection`),
    }),
    comparison(base: MemoryCommit, tree: string, status: string) {
      const at = html('compare')
      const urls = {
        url: url('compare'),
        html_url: at,
        permalink_url: at,
        diff_url: `${at}.diff`,
        patch_url: `${at}.patch`,
      }
      const ends = { base_commit: listed(base, tree), merge_base_commit: listed(base, tree) }
      // Nothing else of it is read.
      return { ...urls, ...ends, status, ahead_by: 0, behind_by: 0, total_commits: 0, commits: [] }
    },
    tree: (id: string, tree: Tree) => ({
      sha: id,
      url: url(`git/trees/${id}`),
      truncated: false,
      tree: [...tree].map(([path, node]) => ({
        path,
        mode: '100644',
        type: 'blob',
        sha: node.is === 'file' ? node.blob : node.to,
      })),
    }),
    blob: (id: string, bytes: Buffer) => ({
      sha: id,
      node_id: `B_${id}`,
      url: url(`git/blobs/${id}`),
      size: bytes.length,
      content: bytes.toString('base64'),
      encoding: 'base64',
    }),
    content(type: string, path: string, ref: string) {
      const self = url(`contents/${encodeURIComponent(path)}?ref=${encodeURIComponent(ref)}`)
      const links = { self, git: url('git/blobs/0'), html: html('blob/0') }
      const more = { url: self, git_url: links.git, html_url: links.html, download_url: null, _links: links }
      return { type, name: path.split('/').at(-1) ?? '', path, sha: '0'.repeat(40), size: 0, ...more }
    },
    pull: (request: MemoryRequest, ends: { head: string; base: string }) =>
      pullOf({ url, html, user, repository, owner }, request, ends),
    comment: (id: number, body: string) => ({
      id,
      node_id: `IC_${id}`,
      url: url(`issues/comments/${id}`),
      html_url: html(`pull/1#issuecomment-${id}`),
      issue_url: url('issues/1'),
      user,
      created_at: day,
      updated_at: day,
      author_association: 'CONTRIBUTOR',
      body,
    }),
    label: (label: string, at: number) => ({
      id: at,
      node_id: `L_${at}`,
      url: url(`labels/${encodeURIComponent(label)}`),
      name: label,
      description: null,
      color: 'ededed',
      default: false,
    }),
  }
}

interface PullParts {
  url(path: string): string
  html(path: string): string
  readonly user: object
  readonly repository: object
  readonly owner: string
}

function pullOf(
  { url, html, user, repository, owner }: PullParts,
  { number, state, title, body, from, into, draft, labels }: MemoryRequest,
  ends: { head: string; base: string },
) {
  const at = url(`pulls/${number}`)
  const [issue, statuses] = [url(`issues/${number}`), url(`statuses/${ends.head}`)]
  const side = (ref: string, sha: string) => ({ label: `${owner}:${ref}`, ref, sha, user, repo: repository })
  return {
    url: at,
    id: number,
    node_id: `PR_${number}`,
    html_url: html(`pull/${number}`),
    diff_url: html(`pull/${number}.diff`),
    patch_url: html(`pull/${number}.patch`),
    issue_url: issue,
    commits_url: `${at}/commits`,
    review_comments_url: `${at}/comments`,
    review_comment_url: url('pulls/comments{/number}'),
    comments_url: `${issue}/comments`,
    statuses_url: statuses,
    number,
    state: state === 'open' ? 'open' : 'closed',
    locked: false,
    title,
    user,
    body: body === '' ? null : body,
    labels: labels.map((name, id) => ({
      id,
      node_id: `L_${id}`,
      url: issue,
      name,
      description: '',
      color: 'ededed',
      default: false,
    })),
    milestone: null,
    created_at: day,
    updated_at: day,
    closed_at: state === 'open' ? null : day,
    merged_at: state === 'merged' ? day : null,
    merge_commit_sha: null,
    assignee: null,
    draft,
    head: side(from, ends.head),
    base: side(into, ends.base),
    _links: {
      self: { href: at },
      html: { href: html(`pull/${number}`) },
      issue: { href: issue },
      comments: { href: `${issue}/comments` },
      review_comments: { href: `${at}/comments` },
      review_comment: { href: `${at}/comments{/number}` },
      commits: { href: `${at}/commits` },
      statuses: { href: statuses },
    },
    author_association: 'CONTRIBUTOR',
    auto_merge: null,
  }
}

/** What only a single request tells, not a list of them. */
export const wholePull = {
  merged: false,
  mergeable: null,
  mergeable_state: 'unknown',
  merged_by: null,
  comments: 0,
  review_comments: 0,
  maintainer_can_modify: false,
  commits: 1,
  additions: 1,
  deletions: 1,
  changed_files: 1,
}

function userOf(api: string, login: string) {
  const at = `${api}/users/${login}`
  return {
    login,
    id: 1,
    node_id: 'U_1',
    avatar_url: `${at}/avatar`,
    gravatar_id: '',
    url: at,
    html_url: `https://github.com/${login}`,
    followers_url: `${at}/followers`,
    following_url: `${at}/following{/other_user}`,
    gists_url: `${at}/gists{/gist_id}`,
    starred_url: `${at}/starred{/owner}{/repo}`,
    subscriptions_url: `${at}/subscriptions`,
    organizations_url: `${at}/orgs`,
    repos_url: `${at}/repos`,
    events_url: `${at}/events{/privacy}`,
    received_events_url: `${at}/received_events`,
    type: 'Organization',
    site_admin: false,
  }
}

const repositoryUrls =
  'archive assignees blobs branches collaborators comments commits compare contents contributors deployments ' +
  'downloads events forks git_commits git_refs git_tags hooks issue_comment issue_events issues keys labels ' +
  'languages merges milestones notifications pulls releases stargazers statuses subscribers subscription tags teams ' +
  'trees'

function repositoryOf(api: string, name: string, owner: object) {
  const at = `${api}/repos/${name}`
  const html = `https://github.com/${name}`
  return {
    ...Object.fromEntries(repositoryUrls.split(' ').map((part) => [`${part}_url`, `${at}/${part}`])),
    id: 1,
    node_id: 'R_1',
    name: name.split('/')[1] ?? '',
    full_name: name,
    owner,
    private: true,
    html_url: html,
    description: null,
    fork: false,
    url: at,
    clone_url: `${html}.git`,
    git_url: `git:github.com/${name}.git`,
    ssh_url: `git@github.com:${name}.git`,
    svn_url: html,
    mirror_url: null,
    homepage: null,
    language: null,
    license: null,
    default_branch: 'main',
    size: 1,
    forks: 0,
    forks_count: 0,
    stargazers_count: 0,
    watchers: 0,
    watchers_count: 0,
    open_issues: 0,
    open_issues_count: 0,
    has_issues: true,
    has_projects: false,
    has_wiki: false,
    has_pages: false,
    has_downloads: false,
    archived: false,
    disabled: false,
    pushed_at: day,
    created_at: day,
    updated_at: day,
  }
}
