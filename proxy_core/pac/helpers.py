"""The functions that a PAC file may call, in JavaScript: what Netscape defined in 1996 and every browser has since.

Two of them are Python's (`script`): __resolve looks a name up (IPv4, "" where there is none), __address is ours.
"""

HELPERS = r"""
function dnsDomainIs(host, domain) {
  host = String(host).toLowerCase(); domain = String(domain).toLowerCase();
  return host.length >= domain.length && host.endsWith(domain);
}
function dnsDomainLevels(host) { return String(host).split(".").length - 1; }
function isPlainHostName(host) { return !/[.:]/.test(String(host)); }
function localHostOrDomainIs(host, name) {
  host = String(host).toLowerCase(); name = String(name).toLowerCase();
  return host === name || (host.indexOf(".") < 0 && name.startsWith(host + "."));
}
function dnsResolve(host) { return __resolve(String(host)) || null; }
function isResolvable(host) { return dnsResolve(host) !== null; }
function myIpAddress() { return __address(); }
function alert(text) {}
function convert_addr(text) {
  var parts = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(String(text));
  if (parts === null) return null;
  var value = 0;
  for (var i = 1; i <= 4; i++) {
    if (Number(parts[i]) > 255) return null;
    value = value * 256 + Number(parts[i]);
  }
  return value >>> 0;
}
function isInNet(host, pattern, mask) {
  var address = convert_addr(host);
  if (address === null) address = convert_addr(dnsResolve(host));
  var net = convert_addr(pattern), bits = convert_addr(mask);
  if (address === null || net === null || bits === null) return false;
  return ((address & bits) >>> 0) === ((net & bits) >>> 0);
}
// Wildcards by hand: a regular expression made of somebody's pattern could take for ever.
function shExpMatch(text, pattern) {
  text = String(text); pattern = String(pattern);
  var t = 0, p = 0, star = -1, from = 0;
  while (t < text.length) {
    if (p < pattern.length && pattern[p] === "*") { star = p++; from = t; }
    else if (p < pattern.length && (pattern[p] === "?" || pattern[p] === text[t])) { p++; t++; }
    else if (star >= 0) { p = star + 1; t = ++from; }
    else return false;
  }
  while (p < pattern.length && pattern[p] === "*") p++;
  return p === pattern.length;
}
var __days = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];
var __months = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
function __gmt(values) {
  values = Array.prototype.slice.call(values);
  var is_gmt = values.length > 0 && String(values[values.length - 1]).toUpperCase() === "GMT";
  if (is_gmt) values.pop();
  var now = new Date();
  if (!is_gmt) now = new Date(now.getTime() - now.getTimezoneOffset() * 60000);
  return [values, now];  // its UTC parts are the wanted ones
}
// A range whose end lies before its beginning goes round: Friday to Monday, 22 to 6 o'clock.
function __within(value, first, last) {
  return first <= last ? first <= value && value <= last : value >= first || value <= last;
}
function weekdayRange() {
  var got = __gmt(arguments), values = got[0], day = got[1].getUTCDay();
  var first = __days.indexOf(String(values[0]).toUpperCase());
  var last = values.length > 1 ? __days.indexOf(String(values[1]).toUpperCase()) : first;
  return first >= 0 && last >= 0 && __within(day, first, last);
}
function timeRange() {
  var got = __gmt(arguments), values = got[0].map(Number), now = got[1];
  var second = now.getUTCHours() * 3600 + now.getUTCMinutes() * 60 + now.getUTCSeconds();
  if (values.some(isNaN)) return false;
  switch (values.length) {
    case 1: return now.getUTCHours() === values[0];
    case 2: return __within(second, values[0] * 3600, values[1] * 3600);
    case 4: return __within(second, values[0] * 3600 + values[1] * 60, values[2] * 3600 + values[3] * 60);
    case 6: return __within(second, values[0] * 3600 + values[1] * 60 + values[2],
                            values[3] * 3600 + values[4] * 60 + values[5]);
  }
  return false;
}
// Days, months and years in any of the seven forms; the second half of the values is the end of the range.
function __date_key(values) {
  var day = -1, month = -1, year = -1;
  for (var i = 0; i < values.length; i++) {
    var named = __months.indexOf(String(values[i]).toUpperCase()), number = Number(values[i]);
    if (named >= 0) month = named;
    else if (number >= 1 && number <= 31) day = number;
    else if (number > 31) year = number;
    else return null;
  }
  return [year, month, day];
}
function dateRange() {
  var got = __gmt(arguments), values = got[0], now = got[1];
  if (values.length === 0) return false;
  var half = values.length > 1 && values.length % 2 === 0 ? values.length / 2 : values.length;
  var first = __date_key(values.slice(0, half)), last = __date_key(values.slice(values.length - half));
  // Two values are a range of one kind, or a day with its month.
  var kind = key => key === null ? -1 : key.findIndex(part => part >= 0);
  if (values.length === 2 && kind(first) !== kind(last)) first = last = __date_key(values);
  if (first === null || last === null) return false;
  var today = [now.getUTCFullYear(), now.getUTCMonth(), now.getUTCDate()], weight = [13 * 32, 32, 1];
  var a = 0, b = 0, value = 0;
  for (var i = 0; i < 3; i++) {
    if ((first[i] >= 0) !== (last[i] >= 0)) return false;
    if (first[i] >= 0) { a += first[i] * weight[i]; b += last[i] * weight[i]; value += today[i] * weight[i]; }
  }
  // With a year, there is no way round.
  return first[0] >= 0 ? a <= value && value <= b : __within(value, a, b);
}
"""
