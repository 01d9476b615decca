import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A certificate and its key, PEM. */
export interface Issued {
  readonly cert: string
  readonly key: string
}

/** Certificates as an administrator makes them, by openssl. */
export interface Certificates {
  readonly root: Issued
  readonly intermediate: Issued
  /** Of a root that nobody was told of. */
  readonly stranger: Issued
  /** For localhost, accounts.example.org and 127.0.0.1, by the root. */
  readonly good: Issued
  /** The same by the intermediate; `chain` has the intermediate after it. */
  readonly viaIntermediate: Issued & { readonly chain: string }
  readonly expired: Issued
  readonly otherHost: Issued
  readonly selfSigned: Issued
  /** For localhost, by the stranger's root. */
  readonly intercepted: Issued
}

/** Makes them all; takes about a second. */
export function makeCertificates(): Certificates {
  const folder = mkdtempSync(join(tmpdir(), 'hufu-certificates-'))
  const at = (name: string) => join(folder, name)
  const openssl = (...argv: string[]) => execFileSync('openssl', argv, { cwd: folder, stdio: 'pipe' })
  const read = (name: string): Issued => ({
    cert: readFileSync(at(`${name}.pem`), 'utf8'),
    key: readFileSync(at(`${name}.key`), 'utf8'),
  })
  const newKey = (name: string) => openssl('ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', `${name}.key`)
  const issue = (
    name: string,
    subject: string,
    issuer: string | undefined,
    extensions: string,
    days: readonly [from: string, to: string] = ['20200101000000Z', '20990101000000Z'],
  ): Issued => {
    newKey(name)
    openssl('req', '-new', '-key', `${name}.key`, '-subj', subject, '-out', `${name}.csr`)
    writeFileSync(at(`${name}.cnf`), `[own]\n${extensions}`)
    const by = issuer ?? name
    for (const each of ['index.txt', 'index.txt.attr']) writeFileSync(at(each), '')
    writeFileSync(
      at('ca.cnf'),
      '[ca]\ndefault_ca=own\n[own]\ndatabase=index.txt\nnew_certs_dir=.\nrand_serial=yes\ndefault_md=sha256\n' +
        'policy=any\nunique_subject=no\n[any]\ncommonName=supplied\norganizationName=optional\n',
    )
    const signer =
      issuer === undefined ? ['-selfsign', '-keyfile', `${name}.key`] : ['-cert', `${by}.pem`, '-keyfile', `${by}.key`]
    openssl(
      ...['ca', '-batch', '-config', 'ca.cnf', ...signer, '-in', `${name}.csr`, '-out', `${name}.pem`, '-notext'],
      ...['-extfile', `${name}.cnf`, '-extensions', 'own', '-startdate', days[0], '-enddate', days[1]],
    )
    return read(name)
  }
  const authority = 'basicConstraints=critical,CA:true\nkeyUsage=critical,keyCertSign,cRLSign\n'
  const forHost = 'basicConstraints=CA:false\nsubjectAltName=DNS:localhost,DNS:accounts.example.org,IP:127.0.0.1\n'
  try {
    const root = issue('root', '/O=Example Ltd/CN=Example Root', undefined, authority)
    const intermediate = issue('intermediate', '/O=Example Ltd/CN=Example Issuing', 'root', authority)
    const stranger = issue('stranger', '/O=Middlebox Inc/CN=Middlebox Root', undefined, authority)
    const viaIntermediate = issue('via', '/CN=localhost', 'intermediate', forHost)
    return {
      root,
      intermediate,
      stranger,
      good: issue('good', '/CN=localhost', 'root', forHost),
      viaIntermediate: { ...viaIntermediate, chain: viaIntermediate.cert + intermediate.cert },
      expired: issue('expired', '/CN=localhost', 'root', forHost, ['20200101000000Z', '20200201000000Z']),
      otherHost: issue('other', '/CN=other', 'root', 'basicConstraints=CA:false\nsubjectAltName=DNS:other.example\n'),
      selfSigned: issue('self', '/CN=localhost', undefined, forHost),
      intercepted: issue('intercepted', '/CN=localhost', 'stranger', forHost),
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
