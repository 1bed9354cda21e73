/** Everything else that the suite asks of Podman: `npm run prove -- images docker`. */
import { podmanDeploys } from './testing/docker-podman.ts'

await podmanDeploys(/^acceptance 14:/)
