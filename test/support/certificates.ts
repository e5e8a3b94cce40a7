/** Certificates of one's own, made by openssl, in a folder that goes away with them. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

export class Certificates {
  readonly #dir = mkdtempSync(path.join(tmpdir(), 'tianchi-pki-'));

  /** Where `NAME.pem` or `NAME.key` is. */
  file(name: string): string {
    return path.join(this.#dir, name);
  }

  read(name: string): string {
    return readFileSync(this.file(name), 'utf8');
  }

  /** A key, and a certificate that signs others. */
  authority(name: string): void {
    this.#openssl(
      `req -x509 ${FRESH} -subj /CN=${name} -days 2 -keyout ${name}.key -out ${name}.pem`,
    );
  }

  /** A key, and a certificate for 127.0.0.1 that the authority signs. */
  issue(name: string, authority: string): void {
    this.#openssl(
      `req ${FRESH} -subj /CN=${name} -addext subjectAltName=IP:127.0.0.1 -keyout ${name}.key -out ${name}.csr`,
    );
    this.#openssl(
      `x509 -req -in ${name}.csr -CA ${authority}.pem -CAkey ${authority}.key -CAcreateserial -copy_extensions copy -days 2 -out ${name}.pem`,
    );
  }

  /** Key and certificate in one file, in the order that Java wants. */
  both(name: string): string {
    const file = this.file(`${name}.both.pem`);
    writeFileSync(file, this.read(`${name}.key`) + this.read(`${name}.pem`));
    return file;
  }

  remove(): void {
    rmSync(this.#dir, { recursive: true });
  }

  #openssl(command: string): void {
    execFileSync('openssl', command.split(' '), { cwd: this.#dir, stdio: 'pipe' });
  }
}

const FRESH = '-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes';
