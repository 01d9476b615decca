import type { FastifyInstance } from 'fastify'
import type { Services } from '../domain/services.ts'
import { enrolPage } from '../pages/enrol-page.ts'
import { preferredLocale, sendPage } from './browser-pages.ts'

/** Where somebody lands who opens an enrolment link in a browser. It reads nothing, and nothing is sent from it. */
export function serveEnrol(app: FastifyInstance, { domain }: Pick<Services, 'domain'>): void {
  app.get('/enrol', (request, reply) =>
    sendPage(reply, 200, enrolPage(preferredLocale(request) ?? 'en', domain.policy.origins[0] ?? '')),
  )
}
