// Is a decoded value what a rule of a CDDL file says? The parser is npm `cddl`; this walks its tree. It knows the part of
// RFC 8610 that darkchat.cddl uses (arrays, choices, ranges, literals, .size, .ge, .le) and throws on anything else.
import { parse } from 'cddl';

const isBytes = v => v instanceof Uint8Array;
const isInt = v => typeof v === 'bigint' || Number.isInteger(v);
const primitives = { bstr: isBytes, tstr: v => typeof v === 'string', uint: v => isInt(v) && v >= 0 };
const size = v => isBytes(v) ? v.length : Buffer.byteLength(v, 'utf8');
const literal = t => {
  if (t?.Type !== 'literal') throw Error('expected a literal: ' + JSON.stringify(t));
  return t.Value;
};
const within = (n, range) => {
  const min = literal(range.Min), max = literal(range.Max);
  return n >= min && (range.Inclusive ? n <= max : n < max);
};

export function schema(path) {
  const rules = new Map();
  for (const rule of parse(path)) {
    if (rules.has(rule.Name)) throw Error('two rules ' + rule.Name);
    rules.set(rule.Name, rule);
  }

  function obeys(v, name) {
    if (primitives[name]) return primitives[name](v);
    const rule = rules.get(name);
    if (!rule) throw Error('no rule ' + name);
    if (rule.Type === 'array') return array(v, rule.Values);
    if (rule.Type === 'variable') return choice(v, rule.PropertyType);
    throw Error(name + ': a rule of type ' + rule.Type);
  }

  function choice(v, types) {
    return (Array.isArray(types) ? types : [types]).some(t => one(v, t));
  }

  function one(v, t) {
    if (typeof t === 'string') return obeys(v, t);
    let ok;
    switch (t.Type) {
      case 'literal': ok = isInt(v) && v == t.Value; break;
      case 'range': ok = isInt(v) && within(v, t.Value); break;
      case 'array': ok = array(v, t.Values); break;
      case 'group': ok = obeys(v, t.Value); break;
      default: ok = obeys(v, t.Type);
    }
    return ok && (!t.Operator || operator(v, t.Operator));
  }

  function operator(v, { Type, Value }) {
    switch (Type) {
      case 'size': return Value.Type === 'range' ? within(size(v), Value.Value) : size(v) === literal(Value);
      case 'ge': return v >= literal(Value);
      case 'le': return v <= literal(Value);
    }
    throw Error('operator .' + Type);
  }

  // Entries are taken greedily: right as long as no optional entry is followed by one that its items could also match.
  function array(v, entries) {
    if (!Array.isArray(v)) return false;
    let i = 0;
    for (const { Type, Occurrence: { n = 0, m = Infinity } } of entries) {
      let taken = 0;
      while (taken < m && i < v.length && choice(v[i], Type)) { i++; taken++; }
      if (taken < n) return false;
    }
    return i === v.length;
  }

  return { obeys, names: [...rules.keys()] };
}
