import type { FastifyInstance } from 'fastify'
import type { ReceiptReader } from '../domain/ports/receipts.ts'
import type { Services } from '../domain/services.ts'
import { takePushes } from './provider-pushes.ts'

/** Twilio signs its pushes; the others are known by a secret in the address that they were given. */
const receiptPaths: Readonly<Partial<Record<ReceiptReader['provider'], string>>> = {
  twilio: '/receipts/twilio',
  aliyun: '/receipts/aliyun/:secret',
  tencent: '/receipts/tencent/:secret',
}

/** Bytes: more than 200 receipts in one push. */
const longestPush = 64 * 1024

/**
 * The addresses that providers push receipts to, of those that are set up. Not of the contract: their form is the
 * provider's. A push that is not taken learns nothing but 403, whatever was wrong with it, and 429 when there are many.
 */
export function serveReceipts(app: FastifyInstance, services: Services): void {
  for (const reader of services.domain.receiptReaders) {
    const path = receiptPaths[reader.provider]
    if (path !== undefined) app.register(async scope => serveReader(scope, path, reader, services))
  }
}

function serveReader(scope: FastifyInstance, path: string, reader: ReceiptReader, services: Services): void {
  takePushes(scope, services.domain, {
    path,
    mediaTypes: ['application/x-www-form-urlencoded', 'application/json'],
    bodyLimit: longestPush,
  })
  scope.post(path, async (request, reply) => {
    const { url, headers } = request
    const query = request.query as Record<string, unknown>
    const params = request.params as Record<string, string>
    const body = typeof request.body === 'string' ? request.body : ''
    await services.receipts.take(reader.read({ url, headers, query, params, body }))
    return reply.type(reader.accepted.contentType).send(reader.accepted.body)
  })
}
