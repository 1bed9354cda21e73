/** All calls: `npm run prove -- images docker`. */
import { dockerKills } from './testing/docker-kills.ts'

dockerKills(3)
