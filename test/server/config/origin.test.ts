import { expect, test } from 'vitest'
import { addressMistake } from '../../../src/server/config/origin.ts'

test.each([
  'https://api.example.org',
  'https://api.example.org:8443/sms/',
  'http://127.0.0.1:3000',
  'http://localhost',
])('%s can be called', address => expect(addressMistake(address)).toBeUndefined())

test.each([
  'api.example.org',
  'ftp://api.example.org',
  'https://user@api.example.org',
  'https://:secret@api.example.org',
  'https://api.example.org/?token=secret',
  'https://api.example.org/#here',
])('%s is no address that can be called, and is not quoted', address => {
  expect(addressMistake(address)).toMatch(/^this is no address that can be called/)
})

test('plain http is for this machine alone', () => {
  expect(addressMistake('http://api.example.org')).toMatch(/is not https/)
})
