import { expect, test } from 'vitest'
import { addressMistake, originMistake } from '../../../src/server/config/origin.ts'

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

test.each([
  'https://hufu.example',
  'https://hufu.example:8443',
  'http://localhost:3000',
  'http://127.0.0.1',
  'http://[::1]',
])('%s is an origin', origin => expect(originMistake(origin)).toBeUndefined())

test.each([
  'hufu.example',
  'https://hufu.example/',
  'https://hufu.example/path',
  'https://Hufu.example',
  'ftp://a.example',
])('%s is none', origin => expect(originMistake(origin)).toMatch(/^this is no origin/))

test('an origin of plain http is for this machine alone', () => {
  expect(originMistake('http://hufu.example')).toMatch(/is not https/)
})
