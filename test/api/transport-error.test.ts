import { expect, it } from 'vitest'
import { transportError } from '../../src/api/transport-error.ts'

const fault = (code: string) => Object.assign(new Error(`secret-looking text of ${code}`), { code })

it.each([
  ['CERT_HAS_EXPIRED', 'server_unreachable', 'tls_certificate_expired'],
  ['CERT_NOT_YET_VALID', 'server_unreachable', 'tls_certificate_expired'],
  ['DEPTH_ZERO_SELF_SIGNED_CERT', 'server_unreachable', 'tls_certificate_untrusted'],
  ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'server_unreachable', 'tls_certificate_untrusted'],
  ['ERR_TLS_CERT_ALTNAME_INVALID', 'server_unreachable', 'tls_certificate_other_host'],
  ['ERR_SSL_WRONG_VERSION_NUMBER', 'server_unreachable', 'tls_failed'],
  ['EPROTO', 'server_unreachable', 'tls_failed'],
  ['EAI_AGAIN', 'server_unreachable', 'host_unknown'],
  ['EHOSTUNREACH', 'server_unreachable', 'no_route'],
  ['ENETUNREACH', 'server_unreachable', 'no_route'],
  ['ECONNRESET', 'server_unreachable', 'connection_lost'],
  ['ETIMEDOUT', 'server_timeout', undefined],
  ['HPE_INVALID_CONSTANT', 'server_not_hufud', undefined],
  ['HPE_HEADER_OVERFLOW', 'server_not_hufud', undefined],
  ['EWHATEVER', 'server_unreachable', 'other'],
])('%s is %s', (code, expected, reason) => {
  const error = transportError(fault(code))
  expect(error).toMatchObject({ code: expected, reason })
  expect(error.message).not.toContain('secret-looking')
})

it('has a word for what is no error', () => {
  expect(transportError('odd')).toMatchObject({ code: 'server_unreachable', reason: 'other' })
})
