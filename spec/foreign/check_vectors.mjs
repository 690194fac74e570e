// Every vector through npm `cbor2` in its strictest mode and, decoded, against darkchat.cddl by way of npm `cddl`. A good one must obey
// its rule, down to the records inside, and encode again to the same bytes. A bad one whose error is `shape` or `payload` must be
// refused here, and one whose error is `record` may be: signatures and names are left to handshake.py, as is all that needs keys.
// usage: node check_vectors.mjs [FOLDER]
import fs from 'node:fs';
import path from 'node:path';
import { decode, encode, cdeDecodeOptions, cdeEncodeOptions } from 'cbor2';
import { schema } from './cddl.mjs';

const here = import.meta.dirname;
const folder = process.argv[2] ?? path.join(here, '..', 'vectors');
const { obeys } = schema(path.join(here, '..', 'darkchat.cddl'));
const strict = { ...cdeDecodeOptions, rejectDuplicateKeys: true, rejectStreaming: true, rejectUndefined: true, requirePreferred: true };

function read(file) {
  const keys = {}, digits = [];
  for (const line of fs.readFileSync(file, 'utf8').split('\n')) {
    const m = /^#\s*([^=]*?)\s*=\s*(.*?)\s*$/.exec(line);
    if (m) keys[m[1]] = m[2]; else if (!line.startsWith('#')) digits.push(line.replace(/\s/g, ''));
  }
  const hex = digits.join('');
  if (!/^([0-9a-f]{2})+$/i.test(hex)) throw Error('not hexadecimal');
  return { name: path.basename(file, '.hex'), keys, bytes: new Uint8Array(Buffer.from(hex, 'hex')) };
}

class Refused extends Error {}

function check(bytes, rule) {
  const limit = rule === 'record' ? 384 : 1200;
  if (bytes.length > limit) throw new Refused(bytes.length + ' bytes');
  let v;
  try { v = decode(bytes, strict); } catch (e) { throw new Refused(e.message); }
  onlyPlain(v);
  const again = encode(v, cdeEncodeOptions);
  if (Buffer.compare(again, bytes)) throw new Refused('encodes to other bytes');
  if (!obeys(v, rule)) throw new Refused('not a ' + rule);
  inside(v, rule);
  return v;
}

// wire.md 1.2: four kinds of item and no others.
function onlyPlain(v) {
  if (Array.isArray(v)) return v.forEach(onlyPlain);
  if (v instanceof Uint8Array || typeof v === 'string') return;
  if ((typeof v === 'bigint' || Number.isInteger(v)) && v >= 0) return;
  throw new Refused('an item of another kind');
}

// The byte strings that hold CBOR, and what CDDL cannot say.
function inside(v, rule) {
  const record = b => { if (b.length) check(b, 'record'); };
  switch (rule) {
    case 'hello': if (v[2].some(x => x)) throw new Refused('padding'); break;
    case 'record': check(v[0], 'session-record'); break;
    case 'session-record': v[7].forEach(([, a]) => address(a)); break;
    case 'handshake-payload': record(v[0]); v[2].forEach(message); break;
    case 'accept-payload': record(v[0]); v[1].forEach(message); break;
    case 'messages': v.forEach(message); break;
  }
  function message([kind, id, , , body]) {
    switch (Number(kind)) {
      case 1: record(body[0]); if (body[1].length) address(body[1]); break;
      case 2: record(body[0]); break;
      case 3:
        record(body[4]);
        body[5].forEach(address);
        if (body[8].length % 8 || body[8].length && Number(body[0]) !== 2) throw new Refused('targets');
        if (Number(body[0]) === 3 && body[3].length !== 8) throw new Refused('reach');
        if ([0, 3].includes(Number(body[0]))) bare(body);
        break;
      case 5:
        body[2].forEach(record);
        rising(body[1].map(([sid]) => Buffer.from(sid)));
        if (Number(body[0]) === 0 && (body[2].length || body[3].length || Number(body[4]))) throw new Refused('news');
        break;
      case 6:
        if (body[3] >= body[4] || body[3] >= id) throw new Refused('part');
        if (body[0] >= id) throw new Refused('prev');
        break;
      case 9: case 10:
        if (Buffer.compare(Buffer.from(body[0]), Buffer.from(body[1])) === 0) throw new Refused('own');
        break;
      case 8: check(body[1], 'datagram'); break;
    }
  }
}

// wire.md 5.6: a probe says nothing, a question about a session nothing but which.
function bare([scope, name, user, session, record, addrs, by, [number, sig]]) {
  const said = [name, user, record, addrs, by, sig, ...(Number(scope) === 3 ? [] : [session])];
  if (said.some(x => x.length) || Number(number)) throw new Refused('more than a probe says');
}

// wire.md 5.8
function rising(sids) {
  for (let i = 1; i < sids.length; i++) if (Buffer.compare(sids[i - 1], sids[i]) >= 0) throw new Refused('order of summaries');
}

// wire.md 4.5: a port, and no IPv4 address in 16 bytes.
function address(a) {
  const b = Buffer.from(a);
  if (b.readUInt16BE(b.length - 2) === 0) throw new Refused('port');
  if (b.length === 18 && b.subarray(0, 12).toString('hex') === '00000000000000000000ffff') throw new Refused('mapped address');
}

const plainRule = { handshake: 'handshake-payload', accept: 'accept-payload', data: 'messages' };
let good = 0, refused = 0, left = 0;
for (const file of fs.readdirSync(folder).filter(f => f.endsWith('.hex')).sort()) {
  const { name, keys, bytes } = read(path.join(folder, file));
  const fail = why => { console.error(`${name}: ${why}`); process.exit(1); };
  if (!keys.rule) fail('no rule');
  try {
    check(bytes, keys.rule);
    if (keys.plain && !keys.error) check(new Uint8Array(Buffer.from(keys.plain, 'hex')), plainRule[keys.rule]);
  } catch (e) {
    if (!(e instanceof Refused)) throw e;
    if (!['shape', 'payload', 'record'].includes(keys.error)) fail(e.message + (keys.error ? ', expected ' + keys.error : ''));
    refused++;
    continue;
  }
  if (!keys.error) good++;
  else if (keys.error === 'shape' || keys.error === 'payload' && keys.layer === 'plaintext') fail('accepted, should be refused: ' + keys.error);
  else left++;
}
console.log(`npm cbor2 and cddl: ${good} good vectors decoded, obeyed darkchat.cddl and encoded again; ${refused} bad ones refused, ${left} left to handshake.py`);
if (!good || !refused) process.exit(1);
